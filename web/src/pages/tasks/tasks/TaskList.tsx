import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ListTodo } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { get, pages } from "@/api/client";
import { Async, Badge, EmptyState, Field, Pager, Progress, Select, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { POLL_MS, STATE_KINDS, STATES, useLiveTasks, type Task, type TaskState } from "../data";
import { To } from "../parts";
import { OwnPlans } from "./OwnPlans";
import { Turn } from "./Turn";

interface Filters {
  state: TaskState | "";
  capability: string;
}

/** Tasks as they go, the newest first. */
export function TaskList() {
  const [filters, setFilters] = useState<Filters>({ state: "", capability: "" });
  const live = useLiveTasks();
  const tasks = useInfiniteQuery({
    ...pages("/v1/tasks", {
      query: { limit: 50, state: filters.state || undefined, capability: filters.capability || undefined },
    }),
    refetchInterval: live ? false : POLL_MS,
    placeholderData: (before) => before,
  });
  return (
    <section className="flex flex-col gap-4">
      <OwnPlans />
      <FilterBar filters={filters} onChange={setFilters} />
      <Async query={tasks}>{(data) => <TaskTable tasks={data.pages.flatMap((page) => page.data)} />}</Async>
      <Pager query={tasks} />
    </section>
  );
}

function FilterBar({ filters, onChange }: { filters: Filters; onChange: (next: Filters) => void }) {
  const { t } = useTranslation("tasks");
  const known = useQuery(get("/v1/capabilities", { query: { limit: 500 } }));
  const any = { value: "", label: t("list.any") };
  const names = (known.data?.data ?? []).flatMap((one) => ("name" in one ? [one.name] : []));
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Field label={t("list.state")}>
        <Select
          value={filters.state}
          onChange={(state) => onChange({ ...filters, state: state as Filters["state"] })}
          choices={[any, ...STATES.map((state) => ({ value: state, label: t(`states.${state}`) }))]}
        />
      </Field>
      <Field label={t("list.capability")}>
        <Select
          value={filters.capability}
          onChange={(capability) => onChange({ ...filters, capability })}
          choices={[any, ...names.map((name) => ({ value: name, label: name }))]}
        />
      </Field>
    </div>
  );
}

function TaskTable({ tasks }: { tasks: Task[] }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const columns: Column<Task>[] = [
    {
      key: "what",
      header: t("list.task"),
      cell: (task) => (
        <div className="min-w-32">
          <To part="tasks" id={task.id} label={t("list.open", { what: task.capability ?? task.flow, id: task.id })}>
            {task.capability ?? task.flow ?? task.id}
          </To>
          <br />
          <time className="text-xs text-muted" dateTime={task.created_at} title={format.time(task.created_at)}>
            {format.ago(task.created_at)}
          </time>
        </div>
      ),
    },
    { key: "state", header: t("list.state"), cell: (task) => <Standing task={task} /> },
    { key: "attempts", header: t("list.attempts"), align: "end", secondary: true, cell: (task) => format.number(task.attempts) },
    { key: "took", header: t("list.took"), align: "end", secondary: true, cell: (task) => <Took task={task} /> },
    {
      key: "turn",
      header: <span className="sr-only">{t("list.actions")}</span>,
      align: "end",
      cell: (task) => <Turn task={task} />,
    },
  ];
  return (
    <Table
      caption={t("list.title")}
      columns={columns}
      rows={tasks}
      rowKey={(task) => task.id}
      empty={
        <EmptyState icon={ListTodo} title={t("list.none")}>
          {t("list.noneAbout")}
        </EmptyState>
      }
    />
  );
}

function Took({ task }: { task: Task }) {
  const format = useFormat();
  if (task.started_at === null || task.ended_at === null) return <>–</>;
  return <>{format.duration(Math.max(0, (Date.parse(task.ended_at) - Date.parse(task.started_at)) / 1000))}</>;
}

function Standing({ task }: { task: Task }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <div className="flex min-w-32 flex-col gap-1">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <Badge kind={STATE_KINDS[task.state]}>{t(`states.${task.state}`)}</Badge>
        {task.reason && <Badge kind="warn">{t(`reasons.${task.reason}`)}</Badge>}
        {task.waiting_for && <bdi className="text-xs text-muted">{task.waiting_for}</bdi>}
      </div>
      {task.state === "scheduled" && task.run_after && <span className="text-xs text-muted">{format.ago(task.run_after)}</span>}
      {task.state === "running" && task.progress > 0 && <Progress label={t("one.progress")} share={task.progress} />}
      {task.error && (
        <p dir="auto" className="line-clamp-2 max-w-80 text-xs break-words text-bad">
          {String(task.error.message)} <code>{String(task.error.code)}</code>
        </p>
      )}
    </div>
  );
}
