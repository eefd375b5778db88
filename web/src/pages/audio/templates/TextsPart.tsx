import { useTranslation } from "react-i18next";

import { Field, Input, Textarea } from "@/components";

import { NAME, type Draft } from "./draft";

export interface PartProps {
  draft: Draft;
  set: (news: Partial<Draft>) => void;
  /** It cannot be changed: one of the house, or no right to. */
  locked: boolean;
}

const VARIABLES = ["transcript", "segments", "speakers", "title", "language", "duration_s", "date"];

/** What a template is called, what it is for, and what the model is told. */
export function TextsPart({ draft, set, locked, isNew }: PartProps & { isNew: boolean }) {
  const { t } = useTranslation("audio");
  const wrong = draft.name !== "" && !NAME.test(draft.name);
  return (
    <div className="grid max-w-4xl gap-4 sm:grid-cols-2">
      <Field label={t("templates.titleField")}>
        <Input disabled={locked} maxLength={200} value={draft.title} onChange={(event) => set({ title: event.target.value })} />
      </Field>
      <Field label={t("templates.name")} hint={t("templates.nameHint")} error={wrong ? t("templates.nameHint") : undefined}>
        <Input
          dir="ltr"
          required
          maxLength={64}
          disabled={!isNew}
          className="font-mono text-sm"
          value={draft.name}
          onChange={(event) => set({ name: event.target.value })}
        />
      </Field>
      <Field label={t("templates.description")} className="sm:col-span-2">
        <Textarea rows={2} disabled={locked} maxLength={2000} value={draft.description} onChange={(event) => set({ description: event.target.value })} />
      </Field>
      <Field
        label={t("templates.prompt")}
        className="sm:col-span-2"
        hint={
          <>
            {t("templates.promptHint")}{" "}
            {VARIABLES.map((name) => (
              <code key={name} className="me-2 inline-block text-xs">{`{{ ${name} }}`}</code>
            ))}
          </>
        }
      >
        <Textarea rows={10} required disabled={locked} maxLength={20_000} value={draft.prompt} onChange={(event) => set({ prompt: event.target.value })} />
      </Field>
    </div>
  );
}
