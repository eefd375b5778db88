import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get, type Schemas } from "@/api/client";
import { Progress } from "@/components";
import { useFormat } from "@/i18n/format";

import { Fold } from "../parts";

/** How often what is left is asked for again, in ms. */
const LOOK_MS = 10_000;

/** What the quota plans of whoever is signed in leave; nothing where none is in force. */
export function OwnPlans() {
  const { t } = useTranslation("tasks");
  const found = useQuery({ ...get("/v1/quotas/me"), refetchInterval: LOOK_MS });
  const plans = found.data?.plans ?? [];
  if (plans.length === 0) return null;
  const full = plans.some((plan) => plan.limits.some((use) => use.remaining <= 0));
  return (
    <section aria-label={t("allowance.title")} className="rounded-lg border border-line bg-surface px-4 py-2">
      <Fold open={full} title={t(full ? "allowance.full" : "allowance.title")}>
        <ul className="grid gap-x-8 gap-y-4 pb-2 sm:grid-cols-2">
          {plans.map((plan) => (
            <li key={plan.assignment_id} className="flex min-w-0 flex-col gap-2">
              <p className="text-sm">
                <bdi className="font-medium">{plan.name}</bdi> <span className="text-muted">{t(`allowance.of.${whom(plan.applies_to)}`)}</span>
              </p>
              {plan.limits.map((use) => (
                <Left key={use.name} use={use} />
              ))}
            </li>
          ))}
        </ul>
      </Fold>
    </section>
  );
}

function Left({ use }: { use: Schemas["PlanUse"] }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const name = t(`allowance.limits.${use.name}`);
  const share = 1 - use.remaining / use.limit;
  return (
    <div className="text-sm">
      <p className="mb-1 flex flex-wrap justify-between gap-x-3">
        <span>{name}</span>
        <span className="text-muted tabular-nums" title={use.resets_at ? format.time(use.resets_at) : undefined}>
          {t("allowance.left", { rest: format.number(use.remaining), whole: format.number(use.limit) })}
          {use.resets_at && ` · ${t("allowance.resets", { when: format.ago(use.resets_at) })}`}
        </span>
      </p>
      <Progress label={name} share={share} kind={share > 0.95 ? "bad" : share > 0.85 ? "warn" : "accent"} />
    </div>
  );
}

const WHOM = ["site", "user", "app", "user-app"] as const;

function whom(appliesTo: string): (typeof WHOM)[number] {
  return WHOM.find((one) => one === appliesTo) ?? "site";
}
