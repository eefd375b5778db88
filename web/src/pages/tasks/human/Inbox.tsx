import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Inbox as Icon } from "lucide-react";
import { useRef, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";

import { pages, type Schemas } from "@/api/client";
import { Async, Badge, EmptyState, Field, Pager, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { ASKED_KINDS, POLL_MS, useLiveInbox, type Asked } from "../data";
import { useClaim, useIsOthers } from "./Claim";
import { useWho } from "./people";

const STATES = ["open", "claimed", "answered", "rejected", "expired", "cancelled", "all"] as const;
const WHOSE = ["all", "me"] as const;

interface Filters {
  state: (typeof STATES)[number];
  whose: (typeof WHOSE)[number];
}

const KEPT = "roundhouse.inbox";

/** What the list shows, remembered by this tab: whoever comes back from a question finds the same list. */
function useFilters(): [Filters, (news: Partial<Filters>) => void] {
  const [filters, setFilters] = useState<Filters>(() => {
    const [state, whose] = (sessionStorage.getItem(KEPT) ?? "").split(" ");
    return { state: STATES.find((one) => one === state) ?? "open", whose: WHOSE.find((one) => one === whose) ?? "all" };
  });
  const change = (news: Partial<Filters>): void => {
    const next = { ...filters, ...news };
    sessionStorage.setItem(KEPT, `${next.state} ${next.whose}`);
    setFilters(next);
  };
  return [filters, change];
}

/** What people are asked, the most urgent first; gone through with the arrow keys. */
export function Inbox() {
  const { t } = useTranslation("tasks");
  const [{ state, whose }, change] = useFilters();
  const live = useLiveInbox();
  const waiting = state === "open" || state === "claimed";
  const found = useInfiniteQuery({
    ...pages("/v1/human", {
      query: { limit: 50, state, sort: waiting ? "due" : "newest", assignee: whose === "me" ? ["me"] : undefined },
    }),
    refetchInterval: live ? false : POLL_MS,
    placeholderData: (before) => before,
  });
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-end gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("asking.about")}</p>
        <Field label={t("asking.whose")} className="min-w-36 max-sm:flex-1">
          <Select
            value={whose}
            onChange={(next) => change({ whose: next as Filters["whose"] })}
            choices={WHOSE.map((one) => ({ value: one, label: t(`asking.of.${one}`) }))}
          />
        </Field>
        <Field label={t("list.state")} className="min-w-36 max-sm:flex-1">
          <Select
            value={state}
            onChange={(next) => change({ state: next as Filters["state"] })}
            choices={STATES.map((one) => ({ value: one, label: one === "all" ? t("list.any") : t(`inbox.states.${one}`) }))}
          />
        </Field>
      </div>
      <Async query={found}>{(data) => <Questions rows={data.pages.flatMap((page) => page.data)} waiting={waiting} />}</Async>
      <Pager query={found} />
    </section>
  );
}

function Questions({ rows, waiting }: { rows: Asked[]; waiting: boolean }) {
  const { t } = useTranslation("tasks");
  const list = useRef<HTMLUListElement>(null);
  const claim = useClaim();
  const press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...(list.current?.querySelectorAll<HTMLElement>("a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const one = rows[at];
    if (step !== undefined) links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
    else if (event.key === "c" && one?.state === "open") claim.mutate({ id: one.id, takeOver: false });
    else return;
    event.preventDefault();
  };
  if (rows.length === 0) {
    return (
      <EmptyState icon={Icon} title={waiting ? t("inbox.none") : t("asking.noneSuch")}>
        {waiting && t("inbox.noneAbout")}
      </EmptyState>
    );
  }
  return (
    <ul ref={list} onKeyDown={press} aria-label={t("inbox.title")} className="divide-y divide-line overflow-hidden rounded-lg border border-line bg-surface">
      {rows.map((one) => (
        <Row key={one.id} one={one} />
      ))}
    </ul>
  );
}

function Row({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const who = useWho();
  const isOthers = useIsOthers()(one);
  const late = isUndecided(one.state) && Date.parse(one.due_at) < Date.now();
  const by = one.claimed_by && isUndecided(one.state) ? t(isOthers ? "asking.other" : "asking.mine", { who: who(one.claimed_by) }) : null;
  return (
    <li>
      <Link to="/tasks" hash={`inbox/${one.id}`} className="flex flex-wrap items-center gap-x-3 gap-y-1 p-3 -outline-offset-2 hover:bg-sunken">
        <span dir="auto" className="min-w-0 flex-1 basis-48 font-medium break-words">
          {one.title}
        </span>
        {by && (
          <span dir="auto" className="text-sm text-muted">
            {by}
          </span>
        )}
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
