import { useState } from "react";
import { useTranslation } from "react-i18next";

import { JsonInput } from "@/components/schema/SchemaForm";
import { isRecord, type Schema } from "@/components/schema/schema";

import { Switcher } from "../one/Switcher";
import { FieldsEditor } from "../schema/FieldsEditor";
import type { PartProps } from "./TextsPart";

/** What a summary holds: as fields, or as the JSON Schema that they make. */
export function FieldsPart({ draft, set, locked }: PartProps) {
  const { t } = useTranslation("audio");
  const [view, setView] = useState<"fields" | "json">("fields");
  return (
    <div className="flex max-w-4xl flex-col gap-4">
      <div>
        <Switcher
          label={t("editor.view")}
          value={view}
          onChange={setView}
          choices={[
            { value: "fields", label: t("templates.fields") },
            { value: "json", label: "JSON Schema" },
          ]}
        />
      </div>
      {view === "fields" ? (
        <FieldsEditor schema={draft.schema} root={draft.schema} disabled={locked} onChange={(schema) => set({ schema })} />
      ) : (
        <JsonInput
          label="JSON Schema"
          about={t("editor.jsonHint")}
          rows={24}
          disabled={locked}
          value={draft.schema}
          onChange={(schema) => {
            if (isRecord(schema)) set({ schema: schema as Schema });
          }}
        />
      )}
    </div>
  );
}
