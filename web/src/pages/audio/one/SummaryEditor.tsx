import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, ErrorNotice } from "@/components";
import { JsonInput, SchemaForm } from "@/components/schema/SchemaForm";
import { isRecord, type Schema } from "@/components/schema/schema";

import { useLabel } from "../schema/useLabel";
import type { Whole } from "../states";
import { useJobActions } from "../useJobActions";

/** Corrects a summary in a form of its template's fields; as JSON, where its template is no more. */
export function SummaryEditor({ recording, schema, onDone }: { recording: Whole; schema: Schema; onDone: () => void }) {
  const { t } = useTranslation("audio");
  const labelOf = useLabel();
  const { changed } = useJobActions();
  const [value, setValue] = useState<unknown>(recording.summary);
  const save = useMutation({
    mutationFn: () =>
      api.patch("/v1/recordings/{recording_id}", {
        params: { recording_id: recording.id },
        body: { summary: isRecord(value) ? value : {}, version: recording.version },
      }),
    onSuccess: async () => {
      await changed();
      onDone();
    },
  });
  return (
    <form
      aria-label={t("parts.summary")}
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {schema.properties ? (
        <SchemaForm name="" part={schema} root={schema} labelOf={labelOf} value={value} onChange={setValue} />
      ) : (
        <JsonInput label={t("parts.summary")} rows={16} value={value} onChange={setValue} />
      )}
      {save.error && <ErrorNotice error={save.error} />}
      <div className="sticky bottom-0 flex flex-wrap justify-end gap-2 border-t border-line bg-canvas py-3">
        <Button onClick={onDone}>{t("frame:cancel")}</Button>
        <Button look="primary" type="submit" busy={save.isPending}>
          {t("frame:save")}
        </Button>
      </div>
    </form>
  );
}
