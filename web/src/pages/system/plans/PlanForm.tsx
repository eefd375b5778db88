import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMe } from "@/api/me";
import { Button, Checkbox, ErrorNotice, Field, Input, Select } from "@/components";

import { COUNTS, EXCEEDING, exceedingOf, onExceedOf, useRenewPlans, type Count, type Exceeding, type Plan } from "./data";

const KIB = 1024;

type Template = "" | "free" | "pro";
type Numbers = Record<Count | "input_kib", string>;

/** The limits of a plan as a form has them; without limit = empty. */
function numbersOf(plan: Plan | null): Numbers {
  const text = (value: number | null | undefined): string => (value === null || value === undefined ? "" : String(value));
  const bytes = plan?.max_input_bytes;
  return {
    requests_per_minute: text(plan?.requests_per_minute),
    concurrent_tasks: text(plan?.concurrent_tasks),
    tasks_per_day: text(plan?.tasks_per_day),
    cost_units_per_month: text(plan?.cost_units_per_month),
    input_kib: text(bytes === null || bytes === undefined ? bytes : bytes / KIB),
  };
}

/** Of the limits those that are not as they were; null = without limit. */
function changed(now: Numbers, before: Numbers): Partial<Record<Count | "max_input_bytes", number | null>> {
  const value = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  const changes: Partial<Record<Count | "max_input_bytes", number | null>> = {};
  for (const name of COUNTS) if (now[name] !== before[name]) changes[name] = value(now[name]);
  if (now.input_kib !== before.input_kib) {
    const kib = value(now.input_kib);
    changes.max_input_bytes = kib === null ? null : Math.max(1, Math.round(kib * KIB));
  }
  return changes;
}

/** Makes a plan, or changes one that is there. */
export function PlanForm({ plan, onDone }: { plan: Plan | null; onDone: () => void }) {
  const { t } = useTranslation("system");
  const admin = useMe().scopes.includes("admin");
  const renew = useRenewPlans();
  const before = numbersOf(plan);
  const [name, setName] = useState(plan?.name ?? "");
  const [template, setTemplate] = useState<Template>("");
  const [shared, setShared] = useState(false);
  const [numbers, setNumbers] = useState(before);
  const [[exceeding, flow], setExceed] = useState<[Exceeding | "", string]>(plan === null ? ["", ""] : exceedingOf(plan.on_exceed));
  const save = useMutation({
    mutationFn: () => {
      const body = {
        name: name.trim(),
        ...changed(numbers, before),
        ...(exceeding !== "" && { on_exceed: onExceedOf(exceeding, flow) }),
      };
      if (plan !== null) return api.patch("/v1/quota-plans/{plan_id}", { params: { plan_id: plan.id }, body });
      return api.post("/v1/quota-plans", { body: { ...body, shared, template: template || null } });
    },
    onSuccess: async () => {
      await renew();
      onDone();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  const number = (field: keyof Numbers, label: string, step: "1" | "any"): ReactNode => (
    <Field key={field} label={label}>
      <Input
        type="number"
        min={step === "1" ? 1 : 0.001}
        step={step}
        placeholder={template === "" ? t("plans.unlimited") : t("plans.asTemplate")}
        value={numbers[field]}
        onChange={(event) => setNumbers({ ...numbers, [field]: event.target.value })}
      />
    </Field>
  );
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("plans.name")}>
        <Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      {plan === null && (
        <Field label={t("plans.template")} hint={t("plans.templateHint")}>
          <Select
            value={template}
            onChange={(next) => setTemplate(next as Template)}
            choices={(["", "free", "pro"] as const).map((value) => ({ value, label: t(`plans.templates.${value || "none"}`) }))}
          />
        </Field>
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        {COUNTS.map((one) => number(one, t(`plans.limits.${one}`), one === "cost_units_per_month" ? "any" : "1"))}
        {number("input_kib", t("plans.inputKib"), "any")}
        <Field label={t("plans.onExceed")}>
          <Select
            value={exceeding}
            onChange={(next) => setExceed([next as Exceeding, flow])}
            choices={[
              ...(plan === null ? [{ value: "", label: t("plans.asTemplate") }] : []),
              ...EXCEEDING.map((value) => ({ value, label: t(`plans.exceeding.${value}`) })),
            ]}
          />
        </Field>
        {exceeding === "degrade" && (
          <Field label={t("plans.flow")}>
            <Input required dir="ltr" maxLength={200} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" value={flow} onChange={(event) => setExceed([exceeding, event.target.value])} />
          </Field>
        )}
      </div>
      {plan === null && admin && <Checkbox label={t("plans.sharedWish")} checked={shared} onChange={(event) => setShared(event.target.checked)} />}
      {save.error && <ErrorNotice error={save.error} />}
      <Button type="submit" look="primary" busy={save.isPending} className="self-end">
        {plan === null ? t("plans.create") : t("frame:save")}
      </Button>
    </form>
  );
}
