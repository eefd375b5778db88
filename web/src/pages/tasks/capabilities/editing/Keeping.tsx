import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Checkbox, Field, Input, Select } from "@/components";

import type { Capability } from "../../data";
import type { PartProps } from "./EditPage";

const KEPT = ["full", "result", "none"] as const satisfies Capability["kept"][];
const SEEN = ["site", "public"] as const satisfies Capability["visibility"][];

/** How long it may take, what it costs, who may run it, and what is kept of that. */
export function Keeping({ draft, set, errorOf }: PartProps) {
  const { t } = useTranslation("tasks");
  const mayShow = useMay("admin");
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("edit.fields.timeoutS")} error={errorOf("timeoutS")}>
          <Input
            required
            type="number"
            min={0.001}
            max={86_400}
            step="any"
            value={draft.timeoutS}
            onChange={(event) => set({ timeoutS: event.target.value })}
          />
        </Field>
        <Field label={t("edit.fields.costUnits")} hint={t("edit.costHint")} error={errorOf("costUnits")}>
          <Input
            required
            type="number"
            min={0}
            max={1e9}
            step="any"
            value={draft.costUnits}
            onChange={(event) => set({ costUnits: event.target.value })}
          />
        </Field>
        <Field label={t("one.kept")}>
          <Select
            choices={KEPT.map((value) => ({ value, label: t(`kept.${value}`) }))}
            value={draft.kept}
            onChange={(kept) => set({ kept: kept as Capability["kept"] })}
          />
        </Field>
        <Field label={t("edit.visibility")} hint={mayShow ? undefined : t("edit.adminsOnly")} error={errorOf("visibility")}>
          <Select
            choices={SEEN.map((value) => ({ value, label: t(`edit.seen.${value}`), disabled: value === "public" && !mayShow }))}
            value={draft.visibility}
            onChange={(visibility) => set({ visibility: visibility as Capability["visibility"] })}
          />
        </Field>
      </div>
      <div className="flex flex-col">
        <Checkbox label={t("edit.idempotent")} checked={draft.idempotent} onChange={(event) => set({ idempotent: event.target.checked })} />
        <Checkbox label={t("edit.enabled")} checked={draft.enabled} onChange={(event) => set({ enabled: event.target.checked })} />
        <Checkbox label={t("edit.exposeMcp")} checked={draft.exposeMcp} onChange={(event) => set({ exposeMcp: event.target.checked })} />
      </div>
    </div>
  );
}
