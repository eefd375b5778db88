import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, pages } from "@/api/client";
import { Async, Button, Confirm, Field, Input, Pager, Panel, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { Meter } from "../parts";
import { useRenewPlans, type Plan, type Standing } from "./data";

/** How often what is left is asked for again, in ms. */
const LOOK_MS = 5_000;

/** Who has which plan, and what is left of it. */
export function Standings({ plans }: { plans: Plan[] }) {
  const { t } = useTranslation("system");
  const [plan, setPlan] = useState("");
  const [user, setUser] = useState("");
  const wantedUser = useDeferredValue(user.trim());
  const found = useInfiniteQuery({
    ...pages("/v1/quota-assignments/standing", { query: { limit: 50, plan_id: plan || undefined, user_id: wantedUser || undefined } }),
    refetchInterval: LOOK_MS,
    placeholderData: (before) => before,
  });
  return (
    <Panel title={t("plans.standing")}>
      <div className="mb-4 flex flex-wrap gap-3">
        <Field label={t("plans.plan")} className="min-w-40 max-sm:flex-1">
          <Select
            value={plan}
            onChange={setPlan}
            choices={[{ value: "", label: t("plans.any") }, ...plans.map((one) => ({ value: one.id, label: one.name }))]}
          />
        </Field>
        <Field label={t("plans.user")} className="min-w-40 max-sm:flex-1">
          <Input dir="ltr" maxLength={200} value={user} onChange={(event) => setUser(event.target.value)} />
        </Field>
      </div>
      <Async query={found}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.data);
          if (rows.length === 0) return <p className="text-muted">{t("plans.nobody")}</p>;
          return (
            <ul aria-label={t("plans.standing")} className="grid gap-x-8 gap-y-6 lg:grid-cols-2">
              {rows.map((one) => (
                <Row key={one.assignment_id} one={one} />
              ))}
            </ul>
          );
        }}
      </Async>
      <Pager query={found} />
    </Panel>
  );
}

function Row({ one }: { one: Standing }) {
  const { t } = useTranslation("system");
  const renew = useRenewPlans();
  const whom = [one.site_id, one.user_id && t("plans.ofUser", { name: one.user_id }), one.app_id && t("plans.ofApp", { name: one.app_id })].filter(Boolean).join(", ");
  const remove = async (): Promise<void> => {
    await api.delete("/v1/quota-assignments/{assignment_id}", { params: { assignment_id: one.assignment_id } });
    await renew();
  };
  return (
    <li className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <p className="min-w-0 flex-1 break-words">
          <bdi className="font-medium">{whom}</bdi>{" "}
          <span className="text-sm text-muted">
            <bdi>{one.name}</bdi>
          </span>
        </p>
        <Confirm
          title={t("plans.unassignTitle", { name: one.name, whom })}
          about={t("plans.unassignAbout")}
          action={t("plans.unassign")}
          onConfirm={remove}
          trigger={
            <Button size="small" aria-label={t("plans.of", { action: t("plans.unassign"), name: whom })}>
              {t("plans.unassign")}
            </Button>
          }
        />
      </div>
      {one.limits.length === 0 && <p className="text-sm text-muted">{t("plans.unlimited")}</p>}
      {one.limits.map((use) => (
        <Bar key={use.name} use={use} />
      ))}
    </li>
  );
}

function Bar({ use }: { use: Standing["limits"][number] }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  return (
    <div>
      <Meter name={t(`plans.limits.${use.name}`)} used={use.limit - use.remaining} whole={use.limit} unit={(value) => format.number(value)} />
      <p className="mt-0.5 text-xs text-muted" title={use.resets_at ? format.time(use.resets_at) : undefined}>
        {use.resets_at ? t("usage.resets", { when: format.ago(use.resets_at) }) : t("plans.whenEnded")}
      </p>
    </div>
  );
}
