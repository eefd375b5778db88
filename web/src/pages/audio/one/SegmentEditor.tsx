import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, ErrorNotice, Field, Input, Textarea } from "@/components";

import type { Said } from "../states";
import { useJobActions } from "../useJobActions";

export interface SegmentEditorProps {
  recordingId: string;
  said: Said;
  speakers: string[];
  onDone: () => void;
}

/** Corrects what was heard, or who said it. Ctrl+Enter saves, Escape leaves it. */
export function SegmentEditor({ recordingId, said, speakers, onDone }: SegmentEditorProps) {
  const { t } = useTranslation("audio");
  const { changed } = useJobActions();
  const names = useId();
  const [text, setText] = useState(said.text);
  const [speaker, setSpeaker] = useState(said.speaker ?? "");
  const save = useMutation({
    mutationFn: () =>
      api.patch("/v1/recordings/{recording_id}/segments/{number}", {
        params: { recording_id: recordingId, number: said.number },
        body: { text, ...(speaker.trim() ? { speaker: speaker.trim() } : {}) },
      }),
    onSuccess: async () => {
      await changed();
      onDone();
    },
  });
  return (
    <form
      className="flex flex-col gap-2 rounded-md border border-accent bg-surface p-3"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onDone();
        else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && text.trim()) save.mutate();
      }}
    >
      <Field label={t("transcript.text")} bare>
        <Textarea rows={3} autoFocus required maxLength={20_000} value={text} onChange={(event) => setText(event.target.value)} />
      </Field>
      {said.heard !== null && (
        <p className="text-sm text-muted">
          <bdi>{t("transcript.heard", { text: said.heard })}</bdi>
        </p>
      )}
      <div className="flex flex-wrap items-end gap-2">
        <Field label={t("transcript.speaker")} className="min-w-40 flex-1">
          <Input list={names} maxLength={100} value={speaker} onChange={(event) => setSpeaker(event.target.value)} />
        </Field>
        <datalist id={names}>
          {speakers.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Button onClick={onDone}>{t("frame:cancel")}</Button>
        <Button look="primary" type="submit" busy={save.isPending} disabled={!text.trim()}>
          {t("frame:save")}
        </Button>
      </div>
      {save.error && <ErrorNotice error={save.error} />}
    </form>
  );
}
