import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get, type Schemas } from "@/api/client";
import { Async, Dialog, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Session } from "./state/shapes";

type Tally = Schemas["TallyRead"] & { key: string };

/** Messages, tokens, cost and times of a session. */
export function Numbers({ session, onOpenChange }: { session: Session; onOpenChange: (open: boolean) => void }) {
  const { t } = useTranslation("chat");
  const { time } = useFormat();
  const query = useQuery({ ...get("/v1/sessions/{session_id}/stats", { params: { session_id: session.id } }), staleTime: 0 });
  return (
    <Dialog open wide onOpenChange={onOpenChange} title={t("numbers.title")} about={<bdi>{session.title || t("untitled")}</bdi>}>
      <Async query={query}>
        {(stats) => (
          <div className="flex flex-col gap-4">
            <Figures stats={stats} />
            <Tallies name={t("numbers.byModel")} rows={stats.by_model.map((one) => ({ ...one, key: one.model ?? t("numbers.noModel") }))} />
            <Tallies name={t("numbers.byRole")} rows={stats.by_role.map((one) => ({ ...one, key: t(`role.${one.role}`) }))} />
            {stats.first_message_at && stats.last_message_at && (
              <p className="text-sm text-muted">{t("numbers.span", { from: time(stats.first_message_at), to: time(stats.last_message_at) })}</p>
            )}
          </div>
        )}
      </Async>
    </Dialog>
  );
}

function Figures({ stats }: { stats: Schemas["SessionStats"] }) {
  const { t } = useTranslation("chat");
  const { number, duration } = useFormat();
  const { total } = stats;
  const figures: [string, string][] = [
    [t("numbers.messages"), number(total.messages)],
    [t("numbers.branches"), number(stats.branches)],
    [t("numbers.tokens"), number(total.total_tokens)],
    [t("why.cost"), number(total.cost_usd, { style: "currency", currency: "USD", maximumFractionDigits: 4 })],
    [t("why.first"), total.mean_first_token_ms === null ? "–" : duration(total.mean_first_token_ms / 1000)],
    [t("why.total"), total.mean_total_ms === null ? "–" : duration(total.mean_total_ms / 1000)],
  ];
  return (
    <dl className="grid grid-cols-2 gap-2 sm:grid-cols-3">
      {figures.map(([name, value]) => (
        <div key={name} className="rounded-lg bg-sunken px-3 py-2">
          <dt className="text-sm text-muted">{name}</dt>
          <dd className="text-lg font-semibold tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Tallies({ name, rows }: { name: string; rows: Tally[] }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const columns: Column<Tally>[] = [
    { key: "name", header: name, cell: (row) => <bdi className="break-all">{row.key}</bdi> },
    { key: "messages", header: t("numbers.messages"), align: "end", cell: (row) => number(row.messages) },
    { key: "in", header: t("numbers.told"), align: "end", secondary: true, cell: (row) => number(row.prompt_tokens) },
    { key: "out", header: t("numbers.said"), align: "end", cell: (row) => number(row.completion_tokens) },
  ];
  return <Table caption={name} columns={columns} rows={rows} rowKey={(row) => row.key} />;
}
