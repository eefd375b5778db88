import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Badge, Facts, Json, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { ASKED_KINDS, type Asked } from "../data";
import { Fold, Head, To } from "../parts";
import { AnswerForm } from "./AnswerForm";
import { isUndecided } from "./Inbox";

/** One question: what is known of it, and the form that answers it. */
export function AskedPage({ requestId }: { requestId: string }) {
  const { t } = useTranslation("tasks");
  const found = useQuery(get("/v1/human/{request_id}", { params: { request_id: requestId } }));
  const one = found.data;
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="inbox"
        back={t("inbox.title")}
        title={one?.title ?? requestId}
        beside={one && <Badge kind={ASKED_KINDS[one.state]}>{t(`inbox.states.${one.state}`)}</Badge>}
      />
      <Async query={found}>{(asked) => <Whole one={asked} />}</Async>
    </section>
  );
}

function Whole({ one }: { one: Asked }) {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="flex min-w-0 flex-col gap-4">
        {one.instructions && (
          <p dir="auto" className="max-w-prose whitespace-pre-line break-words">
            {one.instructions}
          </p>
        )}
        {isUndecided(one.state) ? <AnswerForm key={one.id} one={one} /> : <Decided one={one} />}
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <Known one={one} />
        <Context one={one} />
      </div>
    </div>
  );
}

function Known({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const rows: [string, ReactNode][] = [
    [t("inbox.dueAt"), format.time(one.due_at)],
    [t("one.flow"), <bdi>{one.flow}</bdi>],
    [t("inbox.step"), <bdi>{one.step}</bdi>],
    [
      t("list.task"),
      <To part="tasks" id={one.task_id}>
        {t("run.trace")}
      </To>,
    ],
    [t("inbox.asked"), one.assignees.length === 0 ? t("inbox.anybody") : <bdi>{one.assignees.join(", ")}</bdi>],
    ...(one.claimed_by ? [[t("inbox.claimedBy"), <bdi>{one.claimed_by}</bdi>] as [string, ReactNode]] : []),
  ];
  return (
    <Panel>
      <Facts rows={rows} />
    </Panel>
  );
}

function Context({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const tries = Array.isArray(one.context.tries) ? (one.context.tries as Record<string, unknown>[]) : [];
  return (
    <Panel title={t("inbox.context")}>
      {tries.length > 0 && (
        <ul className="mb-2 flex flex-col gap-1 text-sm">
          {tries.map((one, number) => (
            <li key={number} className="break-words">
              <bdi className="font-medium">{String(one.step)}</bdi> <bdi className="text-muted">{String(one.message ?? one.class)}</bdi>
            </li>
          ))}
        </ul>
      )}
      <Fold title={t("one.input")}>
        <Json label={t("one.input")} value={one.context.input} />
      </Fold>
      <Fold title={t("inbox.best")}>
        <Json label={t("inbox.best")} value={one.context.best_output} />
      </Fold>
    </Panel>
  );
}

function Decided({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <Panel title={t("inbox.answer")}>
      <Json label={t("inbox.answer")} value={one.answer} />
      {one.comment && (
        <p dir="auto" className="mt-2 break-words">
          {one.comment}
        </p>
      )}
      {one.answered_by && (
        <p className="mt-2 text-sm text-muted">
          <bdi>{one.answered_by}</bdi> {one.answered_at && format.time(one.answered_at)}
        </p>
      )}
    </Panel>
  );
}
