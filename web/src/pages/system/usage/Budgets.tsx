import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { pages } from "@/api/client";
import { Async, Pager, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { Meter } from "../parts";
import type { Budget } from "./data";

/** Budgets of keys, and what is used of them. */
export function Budgets() {
  const { t } = useTranslation("system");
  const budgets = useInfiniteQuery(pages("/v1/usage/budgets", { query: { limit: 50 } }));
  return (
    <Panel title={t("usage.budgets")}>
      <Async query={budgets}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.data);
          if (rows.length === 0) return <p className="text-muted">{t("usage.noBudgets")}</p>;
          return (
            <ul className="grid gap-x-8 gap-y-5 lg:grid-cols-2">
              {rows.map((budget) => (
                <Row key={budget.key_id} budget={budget} />
              ))}
            </ul>
          );
        }}
      </Async>
      <Pager query={budgets} />
    </Panel>
  );
}

function Row({ budget }: { budget: Budget }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const money = (usd: number): string => format.number(usd, { style: "currency", currency: "USD" });
  return (
    <li className="flex flex-col gap-2">
      <p className="flex flex-wrap items-baseline gap-x-2">
        <bdi className="font-medium">{budget.name}</bdi>
        <span className="text-sm text-muted">
          <bdi>{budget.site_id}</bdi> · {t(`usage.periods.${budget.period}`)}
          {budget.resets_at && ` · ${t("usage.resets", { when: format.ago(budget.resets_at) })}`}
        </span>
      </p>
      {budget.budget_usd !== null && (
        <Meter name={t("usage.cost")} used={budget.used_usd} whole={budget.budget_usd} unit={money} />
      )}
      {budget.budget_tokens !== null && (
        <Meter name={t("usage.tokens")} used={budget.used_tokens} whole={budget.budget_tokens} unit={(value) => format.number(value)} />
      )}
    </li>
  );
}
