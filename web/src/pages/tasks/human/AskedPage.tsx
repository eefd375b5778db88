import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Badge, Facts, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { ASKED_KINDS, POLL_MS, useLiveInbox, type Asked } from "../data";
import { Head, To } from "../parts";
import { AnswerForm } from "./AnswerForm";
import { Before } from "./Before";
import { Claim } from "./Claim";
import { Decided } from "./Decided";
import { History } from "./History";
import { isUndecided } from "./Inbox";
import { LinkFor, Reassign } from "./Others";
import { useWho } from "./people";

/** One question: what is known of it, and the form that answers it. */
export function AskedPage({ requestId }: { requestId: string }) {
  const { t } = useTranslation("tasks");
  const live = useLiveInbox();
  const found = useQuery({
    ...get("/v1/human/{request_id}", { params: { request_id: requestId } }),
    refetchInterval: live ? false : POLL_MS,
  });
  const one = found.data;
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="inbox"
        back={t("inbox.title")}
        title={one?.title ?? requestId}
        beside={one && <Badge kind={ASKED_KINDS[one.state]}>{t(`inbox.states.${one.state}`)}</Badge>}
        actions={
          one &&
          isUndecided(one.state) && (
            <>
              <Reassign one={one} />
              <LinkFor one={one} />
            </>
          )
        }
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
        {isUndecided(one.state) ? (
          <>
            <Claim one={one} />
            <AnswerForm key={one.id} one={one} />
          </>
        ) : (
          <Decided one={one} />
        )}
        <Before one={one} />
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <Known one={one} />
        <History one={one} />
      </div>
    </div>
  );
}

function Known({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const who = useWho();
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
    [t("inbox.asked"), one.assignees.length === 0 ? t("inbox.anybody") : <bdi>{one.assignees.map(who).join(", ")}</bdi>],
    ...(one.level > 0 ? [[t("asking.level"), format.number(one.level)] as [string, ReactNode]] : []),
  ];
  return (
    <Panel>
      <Facts rows={rows} />
    </Panel>
  );
}
