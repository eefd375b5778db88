import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, ErrorNotice, Field, Input } from "@/components";

import type { Whole } from "../states";
import { useJobActions } from "../useJobActions";

/** Gives a recording another title; says so when somebody else changed it meanwhile. */
export function TitleEditor({ recording, onClose }: { recording: Whole; onClose: () => void }) {
  const { t } = useTranslation("audio");
  const { changed } = useJobActions();
  const [title, setTitle] = useState(recording.title);
  const save = useMutation({
    mutationFn: () =>
      api.patch("/v1/recordings/{recording_id}", {
        params: { recording_id: recording.id },
        body: { title: title.trim(), version: recording.version },
      }),
    onSuccess: async () => {
      await changed();
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("rename")}
      footer={
        <>
          <Button onClick={onClose}>{t("frame:cancel")}</Button>
          <Button look="primary" type="submit" form="rename" busy={save.isPending} disabled={!title.trim()}>
            {t("frame:save")}
          </Button>
        </>
      }
    >
      <form
        id="rename"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field label={t("columns.title")}>
          <Input autoFocus required maxLength={200} value={title} onChange={(event) => setTitle(event.target.value)} />
        </Field>
        {save.error && <ErrorNotice error={save.error} className="mt-3" />}
      </form>
    </Dialog>
  );
}
