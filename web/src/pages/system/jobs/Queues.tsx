import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get, type Schemas } from "@/api/client";
import { Async, Badge, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

type Queue = Schemas["QueueStats"];
type Executor = Schemas["ExecutorRead"];

const EVERY_MS = 5_000;

/** The queues of the whole house, and the processes that take jobs from them. */
export function Queues() {
  const { t } = useTranslation("system");
  const stats = useQuery({ ...get("/v1/jobs/stats"), refetchInterval: EVERY_MS });
  return (
    <Async query={stats}>
      {(found) => (
        <div className="flex flex-col gap-2">
          <QueueTable queues={found.queues} />
          <details className="rounded-lg border border-line bg-surface px-4 py-2">
            <summary className="min-h-8 cursor-pointer py-1">
              {found.executors.length === 0 ? (
                <Badge kind="warn">{t("jobs.noExecutors")}</Badge>
              ) : (
                t("jobs.executors", { count: found.executors.length })
              )}
            </summary>
            <Executors executors={found.executors} />
          </details>
        </div>
      )}
    </Async>
  );
}

function QueueTable({ queues }: { queues: Queue[] }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const span = (value: number | null): string => (value === null ? "–" : format.duration(value));
  const columns: Column<Queue>[] = [
    { key: "queue", header: t("jobs.queue"), cell: (one) => <bdi className="font-medium">{one.queue}</bdi> },
    { key: "queued", header: t("jobs.states.queued"), align: "end", cell: (one) => format.number(one.queued) },
    { key: "running", header: t("jobs.states.running"), align: "end", cell: (one) => format.number(one.running) },
    { key: "waiting", header: t("jobs.states.waiting"), align: "end", cell: (one) => format.number(one.waiting) },
    { key: "failed", header: t("jobs.states.failed"), align: "end", secondary: true, cell: (one) => format.number(one.failed) },
    { key: "oldest", header: t("jobs.oldest"), align: "end", secondary: true, cell: (one) => span(one.oldest_queued_s) },
    { key: "mean", header: t("jobs.mean"), align: "end", secondary: true, cell: (one) => span(one.mean_run_s) },
    {
      key: "rate",
      header: t("jobs.perMinute"),
      align: "end",
      secondary: true,
      cell: (one) => format.number(one.ended_per_minute, { maximumFractionDigits: 1 }),
    },
  ];
  return <Table caption={t("jobs.queues")} columns={columns} rows={queues} rowKey={(one) => one.queue} />;
}

function Executors({ executors }: { executors: Executor[] }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  return (
    <ul className="divide-y divide-line">
      {executors.map((one) => (
        <li key={one.id} className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2 text-sm">
          <bdi className="min-w-0 flex-1 basis-64 break-all">
            {one.host} · {one.pid} · <code className="text-xs">{one.id}</code>
          </bdi>
          <bdi>{one.queues.join(" ")}</bdi>
          <span>{t("jobs.runs", { count: one.running })}</span>
          <span className="text-muted">{t("jobs.since", { when: format.ago(one.started_at) })}</span>
          {one.draining && <Badge kind="warn">{t("jobs.draining")}</Badge>}
        </li>
      ))}
    </ul>
  );
}
