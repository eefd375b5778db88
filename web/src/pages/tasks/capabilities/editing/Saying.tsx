import { useTranslation } from "react-i18next";

import { Field, Input, Textarea } from "@/components";

import { JsonEditor } from "../../json/JsonEditor";
import type { PartProps } from "./EditPage";

/** What it is called, and what people and language models are told of it. */
export function Saying({ draft, one, set, errorOf }: PartProps) {
  const { t } = useTranslation("tasks");
  return (
    <div className="flex flex-col gap-4">
      {!one && (
        <Field label={t("capabilities.name")} hint={t("edit.nameHint")} error={errorOf("name")}>
          <Input
            required
            dir="ltr"
            maxLength={128}
            pattern="[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*"
            placeholder="ai-math.solve"
            value={draft.name}
            onChange={(event) => set({ name: event.target.value })}
          />
        </Field>
      )}
      <Field label={t("edit.fields.title")} error={errorOf("title")}>
        <Input maxLength={300} value={draft.title} onChange={(event) => set({ title: event.target.value })} />
      </Field>
      <Field label={t("edit.fields.description")} hint={t("edit.descriptionHint")} error={errorOf("description")}>
        <Textarea rows={3} maxLength={20_000} value={draft.description} onChange={(event) => set({ description: event.target.value })} />
      </Field>
      <Field label={t("edit.fields.tags")} hint={t("edit.tagsHint")} error={errorOf("tags")}>
        <Input value={draft.tags} onChange={(event) => set({ tags: event.target.value })} />
      </Field>
      <JsonEditor
        label={t("edit.fields.labels")}
        hint={t("edit.labelsHint")}
        rows={3}
        text={draft.labels}
        error={errorOf("labels")}
        onChange={(labels) => set({ labels })}
      />
    </div>
  );
}
