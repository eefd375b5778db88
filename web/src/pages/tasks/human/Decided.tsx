import { useTranslation } from "react-i18next";

import { Json, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Asked } from "../data";
import { Fold } from "../parts";
import { changesOf, wordsOf, type Change } from "./compare";
import { useWho } from "./people";

/** How a question was decided, and what was changed of what was shown. */
export function Decided({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const who = useWho();
  return (
    <Panel title={t(`inbox.states.${one.state}`)}>
      {one.answered_by && (
        <p dir="auto" className="break-words">
          {t(one.state === "rejected" ? "asking.notes.rejected" : "asking.notes.answered", { who: who(one.answered_by) })}{" "}
          <span className="text-muted">{one.answered_at && format.time(one.answered_at)}</span>
        </p>
      )}
      {one.comment && (
        <blockquote dir="auto" className="mt-2 border-s-2 border-line-strong ps-3 break-words whitespace-pre-line">
          {one.comment}
        </blockquote>
      )}
      {one.state === "answered" && <Answered one={one} />}
    </Panel>
  );
}

function Answered({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const draft = one.draft ?? null;
  const changes = draft === null ? [] : changesOf(draft, one.answer);
  return (
    <div className="mt-3 flex flex-col gap-3">
      {draft !== null && changes.length === 0 && <p className="text-muted">{t("asking.unchanged")}</p>}
      {changes.length > 0 && (
        <section aria-label={t("asking.changes")}>
          <h3 className="mb-1 text-sm font-medium">{t("asking.changes")}</h3>
          <ul className="flex flex-col gap-2">
            {changes.map((change) => (
              <ChangeView key={change.path.join("/")} change={change} />
            ))}
          </ul>
        </section>
      )}
      <Fold title={t("inbox.answer")} open={changes.length === 0}>
        <Json label={t("inbox.answer")} value={one.answer} />
      </Fold>
    </div>
  );
}

function ChangeView({ change }: { change: Change }) {
  const { path, before, after } = change;
  const pieces = typeof before === "string" && typeof after === "string" ? wordsOf(before, after) : null;
  return (
    <li className="min-w-0 rounded-md border border-line p-2 text-sm">
      {path.length > 0 && <bdi className="text-muted">{path.join(" › ")}</bdi>}
      {pieces === null ? (
        <div className="flex flex-col gap-1">
          {before !== undefined && <del className="rounded-sm bg-bad-soft px-1 break-words whitespace-pre-wrap text-bad">{shown(before)}</del>}
          {after !== undefined && <ins className="rounded-sm bg-good-soft px-1 break-words whitespace-pre-wrap text-good no-underline">{shown(after)}</ins>}
        </div>
      ) : (
        <p dir="auto" className="break-words whitespace-pre-wrap">
          {pieces.map(({ kind, text }, number) =>
            kind === "same" ? (
              <span key={number}>{text}</span>
            ) : kind === "gone" ? (
              <del key={number} className="rounded-sm bg-bad-soft text-bad">
                {text}
              </del>
            ) : (
              <ins key={number} className="rounded-sm bg-good-soft text-good no-underline">
                {text}
              </ins>
            ),
          )}
        </p>
      )}
    </li>
  );
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
