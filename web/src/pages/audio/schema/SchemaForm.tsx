import { Plus, Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, Checkbox, Field, IconButton, Input, Select, Textarea } from "@/components";

import { blank, isRecord, nodeOf, type Schema } from "./schema";
import { useLabel } from "./useLabel";

export interface SchemaFormProps {
  /** What it is called; "" = the whole. */
  name: string;
  part: Schema | undefined;
  root: Schema;
  value: unknown;
  /** Hide its name from the eye: one of a list. */
  bare?: boolean;
  onChange: (value: unknown) => void;
}

/** A form made from a JSON Schema: a control for each field, lists that grow, groups inside groups. */
export function SchemaForm({ name, part, root, value, bare, onChange }: SchemaFormProps) {
  const label = useLabel();
  const { schema, shape, empty } = nodeOf(part, root);
  const called = label(name, schema);
  const about = schema.description && <bdi>{schema.description}</bdi>;
  switch (shape) {
    case "object":
    case "quote":
      return <Group {...{ name, part, root, onChange }} value={isRecord(value) ? value : {}} />;
    case "list":
      return <Items {...{ name, part, root, onChange }} value={Array.isArray(value) ? value : []} />;
    case "yes":
      return <Checkbox label={called} checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
    case "choice":
      return (
        <Field label={called} hint={about} bare={bare}>
          <Select
            choices={(schema.enum ?? []).map((one) => ({ value: JSON.stringify(one), label: one === null ? "–" : String(one) }))}
            value={JSON.stringify(value ?? null)}
            onChange={(next) => onChange(JSON.parse(next))}
          />
        </Field>
      );
    case "number":
    case "integer":
      return (
        <Field label={called} hint={about} bare={bare}>
          <Input
            type="number"
            step={shape === "integer" ? 1 : "any"}
            value={typeof value === "number" ? value : ""}
            onChange={(event) => onChange(event.target.value === "" ? (empty ? null : 0) : Number(event.target.value))}
          />
        </Field>
      );
    case "text":
      return (
        <Field label={called} hint={about} bare={bare}>
          <Textarea
            rows={typeof value === "string" && value.length > 60 ? 3 : 1}
            value={typeof value === "string" ? value : ""}
            onChange={(event) => onChange(event.target.value === "" && empty ? null : event.target.value)}
          />
        </Field>
      );
    default:
      return <JsonInput label={called} about={about} value={value} onChange={onChange} />;
  }
}

function Group({ name, part, root, value, onChange }: SchemaFormProps & { value: Record<string, unknown> }) {
  const label = useLabel();
  const { schema } = nodeOf(part, root);
  const inside = Object.entries(schema.properties ?? {}).map(([inner, of]) => (
    <SchemaForm
      key={inner}
      name={inner}
      part={of}
      root={root}
      value={value[inner]}
      onChange={(next) => onChange({ ...value, [inner]: next })}
    />
  ));
  if (name === "") return <div className="flex flex-col gap-4">{inside}</div>;
  return (
    <fieldset className="flex min-w-0 flex-col gap-3 rounded-lg border border-line p-3">
      <legend className="px-1 text-sm font-medium">{label(name, schema)}</legend>
      {inside}
    </fieldset>
  );
}

function Items({ name, part, root, value, onChange }: SchemaFormProps & { value: unknown[] }) {
  const { t } = useTranslation("audio");
  const label = useLabel();
  const { schema } = nodeOf(part, root);
  const called = label(name, schema);
  return (
    <fieldset className="flex min-w-0 flex-col gap-2 rounded-lg border border-line p-3">
      <legend className="px-1 text-sm font-medium">{called}</legend>
      {schema.description && (
        <p className="text-sm text-muted">
          <bdi>{schema.description}</bdi>
        </p>
      )}
      {value.map((item, number) => (
        <div key={number} className="flex items-start gap-2">
          <div className="min-w-0 flex-1">
            <SchemaForm
              bare
              name={String(number + 1)}
              part={schema.items}
              root={root}
              value={item}
              onChange={(next) => onChange(value.map((one, at) => (at === number ? next : one)))}
            />
          </div>
          <IconButton
            icon={Trash2}
            size="small"
            label={t("editor.removeItem", { name: called, number: number + 1 })}
            onClick={() => onChange(value.filter((_, at) => at !== number))}
          />
        </div>
      ))}
      <div>
        <Button size="small" icon={Plus} onClick={() => onChange([...value, blank(schema.items, root)])}>
          {t("editor.addItem", { name: called })}
        </Button>
      </div>
    </fieldset>
  );
}

export interface JsonInputProps {
  label: string;
  about?: ReactNode;
  value: unknown;
  rows?: number;
  disabled?: boolean;
  onChange: (value: unknown) => void;
}

/** JSON as text, taken over while it can be read. */
export function JsonInput({ label, about, value, rows = 4, disabled, onChange }: JsonInputProps) {
  const { t } = useTranslation("audio");
  const [typed, setTyped] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  return (
    <Field label={label} hint={about} error={wrong ? t("editor.noJson") : undefined}>
      <Textarea
        dir="ltr"
        spellCheck={false}
        disabled={disabled}
        rows={rows}
        className="font-mono text-sm"
        value={typed ?? JSON.stringify(value, null, 2)}
        onChange={(event) => {
          setTyped(event.target.value);
          try {
            const read: unknown = JSON.parse(event.target.value);
            setWrong(false);
            onChange(read);
          } catch {
            // Half of it is typed.
            setWrong(true);
          }
        }}
        onBlur={() => !wrong && setTyped(null)}
      />
    </Field>
  );
}
