import { useInfiniteQuery } from "@tanstack/react-query";
import { Gauge, PencilLine, Plus, UserPlus } from "lucide-react";
import { useState, type ReactElement, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { api, pages } from "@/api/client";
import { useMe } from "@/api/me";
import { Async, Badge, Button, Confirm, Dialog, EmptyState, Facts, Pager } from "@/components";
import { useFormat } from "@/i18n/format";

import { AssignForm } from "./AssignForm";
import { PlanForm } from "./PlanForm";
import { Standings } from "./Standings";
import { COUNTS, exceedingOf, useMayChange, useRenewPlans, type Plan } from "./data";

/** Quota plans: what tasks may be done for whom, and how that stands. */
export function Plans() {
  const { t } = useTranslation("system");
  const plans = useInfiniteQuery(pages("/v1/quota-plans", { query: { limit: 50 } }));
  const rows = plans.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("plans.about")}</p>
        <Opened
          title={t("plans.create")}
          trigger={
            <Button look="primary" icon={Plus}>
              {t("plans.create")}
            </Button>
          }
        >
          {(close) => <PlanForm plan={null} onDone={close} />}
        </Opened>
      </div>
      <Async query={plans}>
        {() =>
          rows.length === 0 ? (
            <EmptyState icon={Gauge} title={t("plans.none")}>
              {t("plans.noneAbout")}
            </EmptyState>
          ) : (
            <ul aria-label={t("plans.title")} className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
              {rows.map((plan) => (
                <PlanCard key={plan.id} plan={plan} />
              ))}
            </ul>
          )
        }
      </Async>
      <Pager query={plans} />
      <Standings plans={rows} />
    </section>
  );
}

/** A dialog whose form closes it. */
function Opened({ title, about, trigger, children }: { title: string; about?: string; trigger: ReactElement; children: (close: () => void) => ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <Dialog title={title} about={about} open={open} onOpenChange={setOpen} trigger={trigger}>
      {children(() => setOpen(false))}
    </Dialog>
  );
}

function PlanCard({ plan }: { plan: Plan }) {
  const { t } = useTranslation("system");
  const mayChange = useMayChange()(plan);
  return (
    <li className="flex min-w-0 flex-col gap-3 rounded-lg border border-line bg-surface p-4">
      <h2 className="flex flex-wrap items-center gap-2 text-base font-semibold">
        <bdi className="min-w-0 break-words">{plan.name}</bdi>
        <Badge kind={plan.site_id === null ? "accent" : "neutral"}>
          <bdi>{plan.site_id ?? t("plans.shared")}</bdi>
        </Badge>
      </h2>
      <Limits plan={plan} />
      {mayChange && <Actions plan={plan} />}
    </li>
  );
}

function Limits({ plan }: { plan: Plan }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const [exceeding, flow] = exceedingOf(plan.on_exceed);
  const rows: [string, ReactNode][] = [
    ...COUNTS.map((name): [string, ReactNode] => {
      const limit = plan[name];
      return [t(`plans.limits.${name}`), limit === null ? t("plans.unlimited") : format.number(limit)];
    }),
    [t("plans.input"), plan.max_input_bytes === null ? t("plans.unlimited") : format.bytes(plan.max_input_bytes)],
    [
      t("plans.onExceed"),
      <>
        {t(`plans.exceeding.${exceeding}`)} {flow && <bdi>{flow}</bdi>}
      </>,
    ],
  ];
  return <Facts rows={rows} />;
}

function Actions({ plan }: { plan: Plan }) {
  const { t } = useTranslation("system");
  const renew = useRenewPlans();
  const admin = useMe().scopes.includes("admin");
  const remove = async (): Promise<void> => {
    await api.delete("/v1/quota-plans/{plan_id}", { params: { plan_id: plan.id } });
    await renew();
  };
  const named = (action: string): string => t("plans.of", { action, name: plan.name });
  return (
    <div className="mt-auto flex flex-wrap gap-2">
      <Opened
        title={named(t("plans.assign"))}
        about={admin ? undefined : t("plans.assignNarrow")}
        trigger={
          <Button size="small" icon={UserPlus} aria-label={named(t("plans.assign"))}>
            {t("plans.assign")}
          </Button>
        }
      >
        {(close) => <AssignForm plan={plan} onDone={close} />}
      </Opened>
      <Opened
        title={named(t("plans.edit"))}
        about={t("plans.editAbout")}
        trigger={
          <Button size="small" icon={PencilLine} aria-label={named(t("plans.edit"))}>
            {t("plans.edit")}
          </Button>
        }
      >
        {(close) => <PlanForm plan={plan} onDone={close} />}
      </Opened>
      <Confirm
        title={t("plans.removeTitle", { name: plan.name })}
        about={t("plans.removeAbout")}
        action={t("frame:delete")}
        onConfirm={remove}
        trigger={
          <Button size="small" aria-label={named(t("frame:delete"))}>
            {t("frame:delete")}
          </Button>
        }
      />
    </div>
  );
}
