import { FileQuestion, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button, EmptyState } from "@/components";
import { SchemaForm } from "@/components/schema/SchemaForm";
import { blank } from "@/components/schema/schema";

import { useLabel } from "../schema/useLabel";
import { SchemaView } from "../schema/SchemaView";
import type { Draft } from "./draft";
import type { PartProps } from "./TextsPart";

/** An example that the model is shown: a form made from the fields, and beside it how a summary will look. */
export function ExamplePart({ draft, set, locked }: PartProps) {
  const { t } = useTranslation("audio");
  const labelOf = useLabel();
  const { example, schema } = draft;
  if (example === null) {
    return (
      <EmptyState
        icon={FileQuestion}
        title={t("templates.noExample")}
        action={
          !locked && (
            <Button icon={Plus} onClick={() => set({ example: blank(schema, schema) as Draft["example"] })}>
              {t("templates.addExample")}
            </Button>
          )
        }
      >
        {t("templates.exampleAbout")}
      </EmptyState>
    );
  }
  const preview = (
    <section aria-label={t("templates.preview")} className="min-w-0">
      <h2 className="mb-2 font-semibold">{t("templates.preview")}</h2>
      <SchemaView value={example} schema={schema} />
    </section>
  );
  if (locked) return preview;
  return (
    <div className="grid items-start gap-6 lg:grid-cols-2">
      <section aria-label={t("templates.example")} className="min-w-0">
        <div className="mb-2 flex items-center gap-2">
          <h2 className="flex-1 font-semibold">{t("templates.example")}</h2>
          <Button size="small" onClick={() => set({ example: null })}>
            {t("templates.removeExample")}
          </Button>
        </div>
        <SchemaForm name="" part={schema} root={schema} labelOf={labelOf} value={example} onChange={(value) => set({ example: value as Draft["example"] })} />
      </section>
      {preview}
    </div>
  );
}
