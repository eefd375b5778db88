import { useTranslation } from "react-i18next";
import type { ReactNode } from "react";

import { Async, Badge, Dialog, Facts, Json, Progress, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { isOpen, STATE_KINDS, useJob, useJobEvents, type Job, type JobEvent } from "./data";
import { PlaceOf } from "./Place";
import { Turn } from "./Turn";

const STAGE_KINDS = { pending: "neutral", running: "accent", completed: "good", failed: "bad" } as const;

/** One job in whole, beside the list. */
export function JobDetail({ jobId, onClose }: { jobId: string; onClose: () => void }) {
  const { t } = useTranslation("system");
  const job = useJob(jobId);
  return (
    <Dialog
      place="side"
      wide
      open
      onOpenChange={(open) => !open && onClose()}
      title={job.data?.kind ?? t("jobs.job")}
      about={<code className="text-xs break-all">{jobId}</code>}
      footer={job.data && <Turn job={job.data} />}
    >
      <Async query={job}>{(found) => <Whole job={found} />}</Async>
    </Dialog>
  );
}

function Whole({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const events = useJobEvents(job.id, isOpen(job.state));
  // What runs is further than when it was asked for.
  const last = isOpen(job.state) ? events.at(-1)?.data : undefined;
  const state = last?.state ?? job.state;
  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-col gap-2">
        <div className="flex flex-wrap items-center gap-2">
          <Badge kind={STATE_KINDS[state]}>{t(`jobs.states.${state}`)}</Badge>
          {job.waiting_for && <bdi>{job.waiting_for}</bdi>}
          {job.cancel_requested && <Badge kind="warn">{t("jobs.stopping")}</Badge>}
        </div>
        <PlaceOf job={job} />
        {isOpen(state) && <Progress label={t("jobs.progress", { kind: job.kind })} share={last?.progress ?? job.progress} />}
        {(last?.message ?? job.message) && (
          <p dir="auto" className="text-sm break-words text-muted">
            {last?.message ?? job.message}
          </p>
        )}
        {job.error && <Failure error={job.error} />}
      </div>
      <Times job={job} />
      <Part title={t("jobs.stages")}>
        <Stages job={job} />
      </Part>
      {job.history.length > 0 && (
        <Part title={t("jobs.history")}>
          <History job={job} />
        </Part>
      )}
      <Part title={t("jobs.events")}>
        <Events events={events} />
      </Part>
      <Part title={t("jobs.input")}>
        <Json label={t("jobs.input")} value={job.input} />
      </Part>
      {job.state === "completed" && (
        <Part title={t("jobs.result")}>
          <Json label={t("jobs.result")} value={job.result} />
        </Part>
      )}
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-2 font-semibold">{title}</h3>
      {children}
    </section>
  );
}

function Failure({ error }: { error: Record<string, unknown> }) {
  return (
    <p dir="auto" className="rounded-md bg-bad-soft p-3 text-sm break-words text-bad">
      {String(error.message)} <code>{String(error.code)}</code>
    </p>
  );
}

function Times({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const rows: [string, ReactNode][] = [
    [t("jobs.queue"), <bdi>{job.queue}</bdi>],
    [t("jobs.created"), format.time(job.created_at)],
    ...(job.run_after ? ([[t("jobs.notBefore"), format.time(job.run_after)]] as [string, ReactNode][]) : []),
    [t("jobs.inQueue"), format.duration(job.timings.queued_s)],
    [t("jobs.running"), format.duration(job.timings.running_s)],
    ...(job.ended_at ? ([[t("jobs.ended"), format.time(job.ended_at)]] as [string, ReactNode][]) : []),
    ...(job.expires_at ? ([[t("jobs.deletedAt"), format.time(job.expires_at)]] as [string, ReactNode][]) : []),
    [
      t("jobs.attempts"),
      <bdi>
        {format.number(job.attempts)} / {format.number(job.max_attempts)}
      </bdi>,
    ],
    ...(job.executor_id ? ([[t("jobs.executor"), <code className="text-xs break-all">{job.executor_id}</code>]] as [string, ReactNode][]) : []),
    ...(job.user_id ? ([[t("jobs.user"), <bdi>{job.user_id}</bdi>]] as [string, ReactNode][]) : []),
    ...(job.app_id ? ([[t("jobs.app"), <bdi>{job.app_id}</bdi>]] as [string, ReactNode][]) : []),
  ];
  return <Facts rows={rows} />;
}

function Stages({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  return (
    <ol className="flex flex-col gap-1.5">
      {job.stages.map((stage) => (
        <li key={stage.name} className="flex items-center gap-3 text-sm">
          <span className="min-w-0 flex-1 break-words">
            <bdi>{stage.name}</bdi>
          </span>
          <span className="text-muted tabular-nums">{stage.duration_s !== null && format.duration(stage.duration_s)}</span>
          <Badge kind={STAGE_KINDS[stage.state]}>{t(`jobs.stageStates.${stage.state}`)}</Badge>
        </li>
      ))}
    </ol>
  );
}

function History({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const columns: Column<Job["history"][number]>[] = [
    { key: "run", header: t("jobs.run"), cell: (one) => format.number(one.run) },
    {
      key: "outcome",
      header: t("jobs.outcome"),
      cell: (one) => (
        <>
          {t(`jobs.outcomes.${one.outcome}`)}
          {one.error && (
            <p dir="auto" className="max-w-72 text-xs break-words text-bad">
              {String(one.error.message)} <code>{String(one.error.code)}</code>
            </p>
          )}
        </>
      ),
    },
    { key: "began", header: t("jobs.began"), secondary: true, cell: (one) => format.time(one.started_at) },
    { key: "took", header: t("jobs.running"), align: "end", cell: (one) => format.duration(one.duration_s) },
  ];
  return <Table caption={t("jobs.history")} columns={columns} rows={job.history} rowKey={(one) => String(one.run)} />;
}

function Events({ events }: { events: JobEvent[] }) {
  const format = useFormat();
  return (
    <ol aria-live="polite" className="flex flex-col gap-1.5 text-sm">
      {events.map((one) => (
        <li key={one.id} className="flex flex-wrap gap-x-3">
          <time className="text-muted tabular-nums" dateTime={one.at}>
            {format.clock(one.at)}
          </time>
          <code>{one.type}</code>
          {one.data.stage && <bdi>{one.data.stage}</bdi>}
          {one.type === "job.progress" && <span className="tabular-nums">{format.percent(one.data.progress)}</span>}
          {one.data.message && (
            <bdi className="min-w-0 break-words text-muted">{one.data.message}</bdi>
          )}
        </li>
      ))}
    </ol>
  );
}
