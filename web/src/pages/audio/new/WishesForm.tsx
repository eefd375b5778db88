import { useTranslation } from "react-i18next";

import { Checkbox, Field, Input, Select } from "@/components";

import { useChoices } from "./useChoices";
import type { Wishes } from "./wishes";

/** What is wanted of recordings: language, texts, summary, speakers. */
export function WishesForm({ wishes, onChange }: { wishes: Wishes; onChange: (wishes: Wishes) => void }) {
  const { t } = useTranslation("audio");
  const choices = useChoices();
  const set = (news: Partial<Wishes>): void => onChange({ ...wishes, ...news });
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Field label={t("wishes.language")}>
        <Select choices={choices.languages} value={wishes.language} onChange={(language) => set({ language })} />
      </Field>
      <Field label={t("wishes.speakers")}>
        <Select
          choices={(["no", "voices", "channels"] as const).map((value) => ({ value, label: t(`wishes.${value}`) }))}
          value={wishes.speakers}
          onChange={(speakers) => set({ speakers: speakers as Wishes["speakers"] })}
        />
      </Field>
      {wishes.speakers === "voices" && (
        <Field label={t("wishes.count")} hint={t("wishes.countHint")} className="sm:col-start-2">
          <Input
            type="number"
            inputMode="numeric"
            min={1}
            max={64}
            value={wishes.count}
            onChange={(event) => set({ count: event.target.value })}
          />
        </Field>
      )}
      <Field label={t("wishes.template")}>
        <Select
          choices={[{ value: "", label: t("wishes.noSummary") }, ...choices.templates]}
          value={wishes.template}
          onChange={(template) => set({ template })}
        />
      </Field>
      <Field label={t("wishes.summaryLanguage")}>
        <Select
          choices={[{ value: "", label: t("wishes.asSpoken") }, ...choices.languages.slice(1)]}
          value={wishes.summaryLanguage}
          disabled={!wishes.template}
          onChange={(summaryLanguage) => set({ summaryLanguage })}
        />
      </Field>
      <div className="flex flex-wrap gap-x-6 gap-y-1 sm:col-span-2">
        <Checkbox
          label={t("wishes.clean")}
          checked={wishes.clean}
          onChange={(event) => set({ clean: event.target.checked })}
        />
        <Checkbox
          label={t("wishes.wordTimes")}
          checked={wishes.wordTimes}
          onChange={(event) => set({ wordTimes: event.target.checked })}
        />
      </div>
      <details className="sm:col-span-2">
        <summary className="w-fit cursor-pointer rounded-sm text-sm font-medium text-muted hover:text-ink">
          {t("wishes.further")}
        </summary>
        <div className="mt-3 grid gap-4 sm:grid-cols-2">
          <Field label={t("wishes.recogniser")}>
            <Select choices={choices.recognisers} value={wishes.recogniser} onChange={(recogniser) => set({ recogniser })} />
          </Field>
          <Field label={t("wishes.model")}>
            <Select choices={choices.models} value={wishes.model} onChange={(model) => set({ model })} />
          </Field>
          <Field label={t("wishes.vocabulary")} hint={t("wishes.vocabularyHint")} className="sm:col-span-2">
            <Input value={wishes.vocabulary} onChange={(event) => set({ vocabulary: event.target.value })} />
          </Field>
        </div>
      </details>
    </div>
  );
}
