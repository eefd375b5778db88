import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { ListChecks } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { get, pages } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, EmptyState, Field, Pager, Progress, Select, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { isOpen, POLL_MS, STATE_KINDS, STATES, useSiteJobs, type Job, type JobState, type Told } from "./data";
import { JobDetail } from "./JobDetail";
import { Place } from "./Place";
import { Queues } from "./Queues";
import { Turn } from "./Turn";

const QUEUES = ["gpu", "cpu", "io", "flow"] as const;
/** The place of a queued job takes a question of its own; more of them than this are not asked for in a list. */
const MOST_PLACES = 8;

interface Filters {
  state: JobState | "";
  kind: string;
  queue: (typeof QUEUES)[number] | "";
}

/** Jobs of every kind, as they go. The one whose id stands behind `#jobs/` is shown in whole. */
export function Jobs({ jobId }: { jobId: string | null }) {
  const navigate = useNavigate();
  const mayStats = useMay("ops");
  const [filters, setFilters] = useState<Filters>({ state: "", kind: "", queue: "" });
  const { last, live } = useSiteJobs();
  const jobs = useInfiniteQuery({
    ...pages("/v1/jobs", {
      query: {
        limit: 50,
        state: filters.state || undefined,
        kind: filters.kind || undefined,
        queue: filters.queue || undefined,
      },
    }),
    refetchInterval: live ? false : POLL_MS,
    placeholderData: (before) => before,
  });
  const show = (id: string | null): void =>
    void navigate({ to: "/system", hash: id === null ? "jobs" : `jobs/${id}`, resetScroll: false });
  return (
    <section className="flex flex-col gap-4">
      {mayStats && <Queues />}
      <FilterBar filters={filters} onChange={setFilters} />
      <Async query={jobs}>
        {(data) => <JobTable jobs={data.pages.flatMap((page) => page.data).map((job) => now(job, last.get(job.id)))} onShow={show} />}
      </Async>
      <Pager query={jobs} />
      {jobId !== null && <JobDetail jobId={jobId} onClose={() => show(null)} />}
    </section>
  );
}

/** A job of a list with what its last event told since. */
function now(job: Job, told: Told | undefined): Job {
  // The list knows a job's end; an event that came before it is older news.
  if (told === undefined || !isOpen(job.state)) return job;
  return { ...job, state: told.state, stage: told.stage, progress: told.progress, message: told.message, attempts: told.attempts };
}

function FilterBar({ filters, onChange }: { filters: Filters; onChange: (next: Filters) => void }) {
  const { t } = useTranslation("system");
  const kinds = useQuery(get("/v1/jobs/kinds"));
  const any = { value: "", label: t("jobs.any") };
  return (
    <div className="grid gap-3 sm:grid-cols-3">
      <Field label={t("jobs.state")}>
        <Select
          value={filters.state}
          onChange={(state) => onChange({ ...filters, state: state as Filters["state"] })}
          choices={[any, ...STATES.map((state) => ({ value: state, label: t(`jobs.states.${state}`) }))]}
        />
      </Field>
      <Field label={t("jobs.kind")}>
        <Select
          value={filters.kind}
          onChange={(kind) => onChange({ ...filters, kind })}
          choices={[any, ...(kinds.data?.data.map((one) => ({ value: one.kind, label: one.kind })) ?? [])]}
        />
      </Field>
      <Field label={t("jobs.queue")}>
        <Select
          value={filters.queue}
          onChange={(queue) => onChange({ ...filters, queue: queue as Filters["queue"] })}
          choices={[any, ...QUEUES.map((queue) => ({ value: queue, label: queue }))]}
        />
      </Field>
    </div>
  );
}

function JobTable({ jobs, onShow }: { jobs: Job[]; onShow: (id: string) => void }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const placed = new Set(
    jobs
      .filter((job) => job.state === "queued")
      .slice(-MOST_PLACES)
      .map((job) => job.id),
  );
  const columns: Column<Job>[] = [
    {
      key: "kind",
      header: t("jobs.job"),
      cell: (job) => (
        <>
          <button
            type="button"
            aria-label={t("jobs.open", { kind: job.kind, id: job.id })}
            className="min-h-6 font-medium text-accent underline-offset-2 hover:underline"
            onClick={() => onShow(job.id)}
          >
            <bdi>{job.kind}</bdi>
          </button>
          <br />
          <time className="text-xs text-muted" dateTime={job.created_at} title={format.time(job.created_at)}>
            {format.ago(job.created_at)}
          </time>
        </>
      ),
    },
    { key: "state", header: t("jobs.state"), cell: (job) => <State job={job} placed={placed.has(job.id)} /> },
    { key: "queue", header: t("jobs.queue"), secondary: true, cell: (job) => <bdi>{job.queue}</bdi> },
    {
      key: "attempts",
      header: t("jobs.attempts"),
      align: "end",
      secondary: true,
      cell: (job) => (
        <bdi>
          {format.number(job.attempts)} / {format.number(job.max_attempts)}
        </bdi>
      ),
    },
    {
      key: "time",
      header: t("jobs.running"),
      align: "end",
      secondary: true,
      cell: (job) => format.duration(job.timings.running_s),
    },
    {
      key: "turn",
      header: <span className="sr-only">{t("jobs.actions")}</span>,
      align: "end",
      cell: (job) => <Turn job={job} />,
    },
  ];
  return (
    <Table
      caption={t("jobs.title")}
      columns={columns}
      rows={jobs}
      rowKey={(job) => job.id}
      empty={
        <EmptyState icon={ListChecks} title={t("jobs.none")}>
          {t("jobs.noneAbout")}
        </EmptyState>
      }
    />
  );
}

function State({ job, placed }: { job: Job; placed: boolean }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  return (
    <div className="flex min-w-36 flex-col gap-1">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <Badge kind={STATE_KINDS[job.state]}>{t(`jobs.states.${job.state}`)}</Badge>
        {job.state === "waiting" && job.waiting_for && <bdi className="text-xs text-muted">{job.waiting_for}</bdi>}
        {job.state === "running" && <span className="text-xs tabular-nums">{format.percent(job.progress)}</span>}
        {job.state === "running" && job.stage && <bdi className="text-xs text-muted">{job.stage}</bdi>}
      </div>
      {job.state === "queued" && placed && <Place jobId={job.id} />}
      {job.state === "running" && <Progress label={t("jobs.progress", { kind: job.kind })} share={job.progress} />}
      {job.state === "running" && job.message && (
        <p dir="auto" className="max-w-80 text-xs break-words text-muted">
          {job.message}
        </p>
      )}
      {job.state === "failed" && job.error && (
        <p dir="auto" className="line-clamp-2 max-w-80 text-xs break-words text-bad">
          {String(job.error.message)} <code>{String(job.error.code)}</code>
        </p>
      )}
    </div>
  );
}
