import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Button, Checkbox, Dialog, ErrorNotice, Field, Input, Select, type Choice } from "@/components";

import { useChoices } from "../new/useChoices";
import type { Whole } from "../states";
import { useJobActions } from "../useJobActions";
import type { Made } from "./SummaryView";

type Ask = Schemas["RerunAsk"];
export type RerunStage = Ask["stage"];

export interface RerunDialogProps {
  recording: Whole;
  stage: RerunStage;
  corrected: number;
  onClose: () => void;
}

/** A stage once more, with other options if one likes. */
export function RerunDialog({ recording, stage: first, corrected, onClose }: RerunDialogProps) {
  const { t } = useTranslation("audio");
  const { changed } = useJobActions();
  const options = recording.options as Record<string, string | null>;
  const [ask, setAsk] = useState<Ask>({ stage: first, only: false, discard_corrections: false });
  const set = (news: Partial<Ask>): void => setAsk((now) => ({ ...now, ...news }));
  const heard = recording.kind === "audio";
  const summarised = (recording.versions.summarise ?? {}) as Made;
  const rewritten = Boolean(summarised.corrected) && (ask.stage === "summarise" || !ask.only);
  const lost = (["prepare", "transcribe"].includes(ask.stage) ? corrected : 0) + (rewritten ? 1 : 0);
  const stages: RerunStage[] = heard ? ["prepare", "transcribe", "speakers", "clean", "summarise"] : ["clean", "summarise"];
  const start = useMutation({
    mutationFn: () => {
      // What stands at its usual value is not sent: it stays as it was.
      const body = Object.fromEntries(Object.entries(ask).filter(([, value]) => value !== "" && value !== undefined)) as Ask;
      return api.post("/v1/recordings/{recording_id}/rerun", { params: { recording_id: recording.id }, body });
    },
    onSuccess: async () => {
      await changed();
      onClose();
    },
  });
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => !open && onClose()}
      title={t("rerun.title")}
      about={t("rerun.about")}
      footer={
        <>
          <Button onClick={onClose}>{t("frame:cancel")}</Button>
          <Button look="primary" type="submit" form="rerun" busy={start.isPending}>
            {t("rerun.start")}
          </Button>
        </>
      }
    >
      <form
        id="rerun"
        className="grid gap-4 sm:grid-cols-2"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate();
        }}
      >
        <Field label={t("rerun.stage")} className="sm:col-span-2">
          <Select
            choices={stages.map((value) => ({ value, label: t(`stage.${value}`) }))}
            value={ask.stage}
            onChange={(stage) => set({ stage: stage as RerunStage })}
          />
        </Field>
        <StageOptions ask={ask} set={set} template={options.template_id ?? ""} language={options.language ?? ""} />
        <div className="flex flex-col sm:col-span-2">
          <Checkbox label={t("rerun.only")} checked={ask.only} onChange={(event) => set({ only: event.target.checked })} />
          {lost > 0 && (
            <Checkbox
              label={t("rerun.discard", { count: lost })}
              checked={ask.discard_corrections}
              onChange={(event) => set({ discard_corrections: event.target.checked })}
            />
          )}
        </div>
        {start.error && <ErrorNotice error={start.error} className="sm:col-span-2" />}
      </form>
    </Dialog>
  );
}

interface StageOptionsProps {
  ask: Ask;
  set: (news: Partial<Ask>) => void;
  template: string;
  language: string;
}

/** What can be wanted otherwise of a stage, and of those behind it. */
function StageOptions({ ask, set, template, language }: StageOptionsProps) {
  const { t } = useTranslation("audio");
  const choices = useChoices();
  const same: Choice = { value: "", label: t("rerun.same") };
  const pick = (name: "asr_backend" | "model" | "template_id" | "language" | "summary_language", label: string, from: Choice[]) => (
    <Field label={label}>
      <Select
        choices={[same, ...from.filter((one) => one.value)]}
        value={ask[name] ?? ""}
        onChange={(value) => set({ [name]: value || undefined })}
      />
    </Field>
  );
  const { stage } = ask;
  return (
    <>
      {(stage === "prepare" || stage === "transcribe") && (
        <>
          {pick("asr_backend", t("wishes.recogniser"), choices.recognisers)}
          {pick("language", t("wishes.language"), choices.languages.filter((one) => one.value !== language))}
        </>
      )}
      {stage === "speakers" && (
        <Field label={t("wishes.count")} hint={t("wishes.countHint")}>
          <Input
            type="number"
            inputMode="numeric"
            min={1}
            max={64}
            value={ask.num_speakers ?? ""}
            onChange={(event) => set({ num_speakers: event.target.value ? Number(event.target.value) : undefined })}
          />
        </Field>
      )}
      {pick("model", t("wishes.model"), choices.models)}
      {stage === "summarise" && (
        <>
          {pick("template_id", t("wishes.template"), choices.templates.filter((one) => one.value !== template))}
          {pick("summary_language", t("wishes.summaryLanguage"), choices.languages)}
        </>
      )}
    </>
  );
}
