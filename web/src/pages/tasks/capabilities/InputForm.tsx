import { useState, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, Select } from "@/components";
import { JsonInput, SchemaForm } from "@/components/schema/SchemaForm";
import { isRecord, nodeOf, type Schema } from "@/components/schema/schema";

/** An input to try. */
export interface Example {
  name: string;
  input?: unknown;
  summary?: string;
}

export interface InputFormProps {
  /** What the form is for. */
  label: string;
  schema: Schema;
  examples: Example[];
  input: unknown;
  onChange: (input: unknown) => void;
  onSubmit: (event: FormEvent) => void;
  /** Below the fields: what else is asked, and the button. */
  children: ReactNode;
}

/** A form made of an input's schema, or the input as JSON; its examples as buttons. */
export function InputForm({ label, schema, examples, input, onChange, onSubmit, children }: InputFormProps) {
  const { t } = useTranslation("tasks");
  const formed = nodeOf(schema, schema).shape === "object" && nodeOf(schema, schema).schema.properties !== undefined;
  const [way, setWay] = useState<"form" | "json">(formed ? "form" : "json");
  // An example that is chosen writes the fields anew, with what was half typed in them.
  const [round, setRound] = useState(0);
  const choose = (next: unknown): void => {
    onChange(next);
    setRound(round + 1);
  };
  return (
    <>
      {(examples.length > 0 || formed) && (
        <div className="mb-4 flex flex-wrap items-center gap-2">
          {examples.length > 0 && <Examples examples={examples} onChoose={choose} />}
          {formed && (
            <Select
              aria-label={t("run.way")}
              className="ms-auto w-auto!"
              value={way}
              onChange={(next) => setWay(next as typeof way)}
              choices={[
                { value: "form", label: t("run.form") },
                { value: "json", label: "JSON" },
              ]}
            />
          )}
        </div>
      )}
      <form aria-label={label} className="flex flex-col gap-4" onSubmit={onSubmit}>
        {way === "form" ? (
          <SchemaForm key={round} name="" part={schema} root={schema} value={isRecord(input) ? input : {}} onChange={onChange} />
        ) : (
          <JsonInput key={round} label={t("one.input")} rows={8} value={input} onChange={onChange} />
        )}
        {children}
      </form>
    </>
  );
}

function Examples({ examples, onChoose }: { examples: Example[]; onChoose: (input: unknown) => void }) {
  const { t } = useTranslation("tasks");
  return (
    <div role="group" aria-label={t("run.examples")} className="flex min-w-0 flex-wrap items-center gap-2">
      <span className="text-sm text-muted">{t("run.examples")}</span>
      {examples.map((example, number) => (
        <Button key={number} size="small" className="max-w-full" title={example.summary} onClick={() => onChoose(example.input)}>
          <bdi className="truncate">{example.name}</bdi>
        </Button>
      ))}
    </div>
  );
}
