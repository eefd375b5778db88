import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Badge, Facts, Json, Panel, Progress } from "@/components";
import { useFormat } from "@/i18n/format";

import { isOpen, STATE_KINDS, useFollowed, useTask, type Task, type Trace } from "../data";
import { Failure, Fold, Head, To } from "../parts";
import { Timeline } from "./Timeline";
import { Turn } from "./Turn";

/** One task in whole: where it stands, and every attempt with what was sent and what came back. */
export function TaskPage({ taskId }: { taskId: string }) {
  const { t } = useTranslation("tasks");
  const task = useTask(taskId);
  useFollowed(taskId, task.data !== undefined && isOpen(task.data.state));
  const found = task.data;
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="tasks"
        back={t("list.title")}
        title={found ? (found.capability ?? found.flow ?? taskId) : taskId}
        beside={found && <Badge kind={STATE_KINDS[found.state]}>{t(`states.${found.state}`)}</Badge>}
        actions={found && <Turn task={found} />}
      />
      <Async query={task}>{(one) => <Whole task={one} />}</Async>
    </section>
  );
}

function Whole({ task }: { task: Task }) {
  const trace = useQuery(get("/v1/tasks/{task_id}/trace", { params: { task_id: task.id } }));
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="order-2 flex min-w-0 flex-col gap-4 lg:order-1">
        <Async query={trace}>{(found) => <Traced trace={found} />}</Async>
      </div>
      <div className="order-1 min-w-0 lg:order-2">
        <Standing task={task} />
      </div>
    </div>
  );
}

function Standing({ task }: { task: Task }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const row = (shown: unknown, name: string, value: () => ReactNode): [string, ReactNode][] =>
    shown === null || shown === undefined ? [] : [[name, value()]];
  const rows: [string, ReactNode][] = [
    [t("one.id"), <code className="text-xs break-all">{task.id}</code>],
    ...row(task.capability, t("list.capability"), () => (
      <To part="capabilities" id={task.capability!}>
        {task.capability}
      </To>
    )),
    [t("one.version"), format.number(task.version)],
    [t("one.created"), format.time(task.created_at)],
    ...row(task.run_after, t("one.runAfter"), () => format.time(task.run_after!)),
    ...row(task.started_at, t("one.started"), () => format.clock(task.started_at!)),
    ...row(task.ended_at, t("one.ended"), () => format.clock(task.ended_at!)),
    ...row(task.deadline, t("one.deadline"), () => format.time(task.deadline!)),
    ...row(task.waiting_for, t("one.waitingFor"), () => <code className="text-xs break-all">{task.waiting_for}</code>),
    ...row(task.position, t("one.position"), () => format.number(task.position!)),
    ...row(task.expected_wait_s, t("one.wait"), () => format.duration(task.expected_wait_s!)),
    [t("list.attempts"), format.number(task.attempts)],
    [t("one.kept"), t(`kept.${task.store}`)],
    ...Object.entries(task.metadata).map(([name, value]): [string, ReactNode] => [name, <bdi>{String(value)}</bdi>]),
  ];
  return (
    <Panel>
      {isOpen(task.state) && <Progress label={t("one.progress")} share={task.progress || null} className="mb-3" />}
      {task.message && (
        <p dir="auto" className="mb-3 text-sm break-words text-muted">
          {task.message}
        </p>
      )}
      {task.reason && <p className="mb-3 text-sm text-warn">{t(`reasons.${task.reason}`)}</p>}
      {task.cancel_requested && isOpen(task.state) && <p className="mb-3 text-sm text-warn">{t("one.stopping")}</p>}
      <Facts rows={rows} />
    </Panel>
  );
}

function Traced({ trace }: { trace: Trace }) {
  const { t } = useTranslation("tasks");
  return (
    <>
      {trace.task.error && <Failure error={trace.task.error} />}
      {trace.task.state === "completed" && (
        <Panel title={t("one.output")}>
          <Json label={t("one.output")} value={trace.output} />
          {trace.decided_by && (
            <p className="mt-2 text-sm text-muted">
              {t("one.decidedBy")} <bdi>{trace.decided_by}</bdi>
            </p>
          )}
        </Panel>
      )}
      <Panel title={t("trace.title")}>
        <Timeline trace={trace} />
      </Panel>
      <Panel>
        <Fold title={t("one.input")}>
          <Json label={t("one.input")} value={trace.input} />
        </Fold>
        {trace.flow !== null && (
          <Fold title={t("one.flow")}>
            <Json label={t("one.flow")} value={trace.flow} />
          </Fold>
        )}
        {trace.human !== null && (
          <Fold title={t("one.people")}>
            <Json label={t("one.people")} value={trace.human} />
          </Fold>
        )}
        {Array.isArray(trace.signals) && trace.signals.length > 0 && (
          <Fold title={t("one.signals")}>
            <Json label={t("one.signals")} value={trace.signals} />
          </Fold>
        )}
        <Fold title={t("one.events")}>
          <Events events={trace.events} />
        </Fold>
      </Panel>
    </>
  );
}

function Events({ events }: { events: Trace["events"] }) {
  const format = useFormat();
  return (
    <ol className="flex flex-col gap-1.5 text-sm">
      {events.map((one) => (
        <li key={one.id} className="flex flex-wrap gap-x-3">
          <time className="text-muted tabular-nums" dateTime={one.at}>
            {format.clock(one.at)}
          </time>
          <code>{one.type}</code>
        </li>
      ))}
    </ol>
  );
}
