import { useMutation } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, ErrorNotice, Field, Input } from "@/components";
import { Popover } from "@/components/Popover";

import { useJobActions } from "../useJobActions";
import { SpeakerDot } from "./SpeakerName";

export interface SpeakersProps {
  recordingId: string;
  speakers: string[];
  editable: boolean;
}

/** Who speaks; each can be given a name, everywhere at once. */
export function Speakers({ recordingId, speakers, editable }: SpeakersProps) {
  const { t } = useTranslation("audio");
  if (speakers.length === 0) return null;
  return (
    <ul aria-label={t("speakers.title")} className="flex flex-wrap gap-1.5">
      {speakers.map((name, place) => (
        <li key={name}>
          {editable ? (
            <Rename recordingId={recordingId} name={name} place={place} taken={speakers} />
          ) : (
            <span className="inline-flex min-h-8 items-center gap-1.5 rounded-full border border-line px-2.5 text-sm">
              <SpeakerDot place={place} />
              <bdi>{name}</bdi>
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Rename({ recordingId, name, place, taken }: { recordingId: string; name: string; place: number; taken: string[] }) {
  const { t } = useTranslation("audio");
  const { changed } = useJobActions();
  const [open, setOpen] = useState(false);
  const [given, setGiven] = useState(name);
  const wanted = given.trim();
  const save = useMutation({
    mutationFn: () =>
      api.patch("/v1/recordings/{recording_id}", {
        params: { recording_id: recordingId },
        body: { speakers: { [name]: wanted } },
      }),
    onSuccess: async () => {
      setOpen(false);
      await changed();
    },
  });
  return (
    <Popover
      label={t("speakers.rename", { name })}
      open={open}
      onOpenChange={(next) => {
        setOpen(next);
        setGiven(name);
        save.reset();
      }}
      trigger={
        <button
          type="button"
          aria-label={t("speakers.rename", { name })}
          className="inline-flex min-h-8 items-center gap-1.5 rounded-full border border-line bg-surface px-2.5 text-sm hover:border-accent"
        >
          <SpeakerDot place={place} />
          <bdi>{name}</bdi>
          <Pencil aria-hidden className="size-3 text-muted" />
        </button>
      }
    >
      <form
        className="flex w-64 flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field label={t("speakers.name")} hint={wanted !== name && taken.includes(wanted) ? t("speakers.merge") : undefined}>
          <Input autoFocus required maxLength={100} value={given} onChange={(event) => setGiven(event.target.value)} />
        </Field>
        {save.error && <ErrorNotice error={save.error} />}
        <Button look="primary" type="submit" busy={save.isPending} disabled={!wanted || wanted === name}>
          {t("frame:save")}
        </Button>
      </form>
    </Popover>
  );
}
