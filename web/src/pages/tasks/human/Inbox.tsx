import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Inbox as Icon } from "lucide-react";
import { useRef, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";

import { pages, type Schemas } from "@/api/client";
import { Async, Badge, EmptyState, Field, Pager, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { ASKED_KINDS, POLL_MS, useLiveInbox, type Asked } from "../data";

const STATES = ["open", "answered", "rejected", "expired", "cancelled", "all"] as const;

/** What people are asked, the most urgent first; gone through with the arrow keys. */
export function Inbox() {
  const { t } = useTranslation("tasks");
  const [state, setState] = useState<(typeof STATES)[number]>("open");
  const live = useLiveInbox();
  const found = useInfiniteQuery({
    ...pages("/v1/human", { query: { limit: 50, state, sort: state === "open" ? "due" : "newest" } }),
    refetchInterval: live ? false : POLL_MS,
    placeholderData: (before) => before,
  });
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-end gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("inbox.about")}</p>
        <Field label={t("list.state")} className="min-w-40">
          <Select
            value={state}
            onChange={(next) => setState(next as typeof state)}
            choices={STATES.map((one) => ({ value: one, label: one === "all" ? t("list.any") : t(`inbox.states.${one}`) }))}
          />
        </Field>
      </div>
      <Async query={found}>{(data) => <Questions rows={data.pages.flatMap((page) => page.data)} />}</Async>
      <Pager query={found} />
    </section>
  );
}

function Questions({ rows }: { rows: Asked[] }) {
  const { t } = useTranslation("tasks");
  const list = useRef<HTMLUListElement>(null);
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const links = [...(list.current?.querySelectorAll<HTMLElement>("a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  if (rows.length === 0) {
    return (
      <EmptyState icon={Icon} title={t("inbox.none")}>
        {t("inbox.noneAbout")}
      </EmptyState>
    );
  }
  return (
    <ul ref={list} onKeyDown={move} aria-label={t("inbox.title")} className="divide-y divide-line overflow-hidden rounded-lg border border-line bg-surface">
      {rows.map((one) => (
        <Row key={one.id} one={one} />
      ))}
    </ul>
  );
}

function Row({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const late = isUndecided(one.state) && Date.parse(one.due_at) < Date.now();
  return (
    <li>
      <Link to="/tasks" hash={`inbox/${one.id}`} className="flex flex-wrap items-center gap-x-3 gap-y-1 p-3 -outline-offset-2 hover:bg-sunken">
        <span dir="auto" className="min-w-0 flex-1 basis-48 font-medium break-words">
          {one.title}
        </span>
        <span className="text-sm text-muted">
          <bdi>{one.flow}</bdi>
        </span>
        <span className={late ? "text-sm text-bad" : "text-sm text-muted"}>
          {isUndecided(one.state) ? t("inbox.due", { when: format.ago(one.due_at) }) : format.ago(one.answered_at ?? one.created_at)}
        </span>
        <Badge kind={ASKED_KINDS[one.state]}>{t(`inbox.states.${one.state}`)}</Badge>
      </Link>
    </li>
  );
}

/** Whether it still waits for somebody. */
export function isUndecided(state: Schemas["HumanRequestRead"]["state"]): boolean {
  return state === "open" || state === "claimed";
}
