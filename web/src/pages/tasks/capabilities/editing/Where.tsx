import { useTranslation } from "react-i18next";

import { Field, Input, Json, Select } from "@/components";

import { HeaderRows } from "../../importing/HeaderRows";
import { JsonEditor } from "../../json/JsonEditor";
import { Fold } from "../../parts";
import { ANSWERS, BODIES, METHODS } from "./draft";
import type { PartProps } from "./EditPage";

/** Where it is and how it is spoken to; of ways other than HTTP this is told alone. */
export function Where({ draft, one, set, errorOf }: PartProps) {
  const { t } = useTranslation("tasks");
  if (one && one.transport !== "http") {
    return (
      <>
        <p className="mb-2 text-sm text-muted">{t("edit.otherWay", { transport: one.transport })}</p>
        <Json label={t("capabilities.endpoint")} value={one.endpoint} />
      </>
    );
  }
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-[8rem_minmax(0,1fr)]">
        <Field label={t("edit.method")}>
          <Select choices={METHODS.map((value) => ({ value, label: value }))} value={draft.method} onChange={(method) => set({ method })} />
        </Field>
        <Field label={t("edit.fields.url")} hint={t("edit.urlHint")} error={errorOf("url")}>
          <Input
            required
            type="url"
            dir="ltr"
            maxLength={2000}
            placeholder="http://127.0.0.1:9001/solve"
            value={draft.url}
            onChange={(event) => set({ url: event.target.value })}
          />
        </Field>
      </div>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("edit.body")}>
          <Select choices={BODIES.map((value) => ({ value, label: t(`edit.bodies.${value}`) }))} value={draft.body} onChange={(body) => set({ body })} />
        </Field>
        <Field label={t("edit.answer")}>
          <Select
            choices={ANSWERS.map((value) => ({ value, label: t(`edit.answers.${value}`) }))}
            value={draft.answer}
            onChange={(answer) => set({ answer })}
          />
        </Field>
      </div>
      <Fold title={t("edit.more")} open={errorOf("more") !== undefined || undefined}>
        <JsonEditor
          label={t("edit.fields.more")}
          hint={t("edit.moreHint")}
          rows={5}
          text={draft.more}
          error={errorOf("more")}
          onChange={(more) => set({ more })}
        />
      </Fold>
      <HeaderRows
        rows={draft.headers}
        about={one && one.header_names.length > 0 ? t("headers.kept", { names: one.header_names.join(", ") }) : undefined}
        onChange={(headers) => set({ headers })}
      />
      {errorOf("headers") && <p className="text-sm text-bad">{errorOf("headers")}</p>}
    </div>
  );
}
