import { useTranslation } from "react-i18next";

import { JsonEditor } from "../../json/JsonEditor";
import type { PartProps } from "./EditPage";

/** Schemas of what goes in and what comes out, and inputs to try. */
export function Taking({ draft, set, errorOf }: PartProps) {
  const { t } = useTranslation("tasks");
  return (
    <div className="flex flex-col gap-4">
      <JsonEditor
        label={t("edit.fields.inputSchema")}
        rows={10}
        text={draft.inputSchema}
        error={errorOf("inputSchema")}
        onChange={(inputSchema) => set({ inputSchema })}
      />
      <JsonEditor
        optional
        label={t("edit.fields.outputSchema")}
        hint={t("edit.outputHint")}
        rows={6}
        text={draft.outputSchema}
        error={errorOf("outputSchema")}
        onChange={(outputSchema) => set({ outputSchema })}
      />
      <JsonEditor
        label={t("edit.fields.examples")}
        hint={
          <>
            {t("edit.examplesHint")} <code dir="ltr">{'[{"name": "two", "input": {"expression": "2+2"}}]'}</code>
          </>
        }
        rows={5}
        text={draft.examples}
        error={errorOf("examples")}
        onChange={(examples) => set({ examples })}
      />
    </div>
  );
}
