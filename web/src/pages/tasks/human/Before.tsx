import { useTranslation } from "react-i18next";

import { Badge, Json, Panel } from "@/components";
import { isRecord } from "@/components/schema/schema";

import type { Asked } from "../data";
import { Fold } from "../parts";

const CLASSES = [
  "invalid_input",
  "auth",
  "not_found",
  "rate_limited",
  "timeout",
  "unavailable",
  "worker_lost",
  "bad_output",
  "rejected",
  "breaker_open",
  "unknown_outcome",
  "failed",
] as const;

interface Try {
  step: string;
  n: number;
  target: string | null;
  class: string;
  message: string;
}

/** What came before a question: what was tried and why it failed, the best that came of it, what was asked for. */
export function Before({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const tries = (Array.isArray(one.context.tries) ? one.context.tries : []) as Try[];
  const best = one.context.best_output;
  return (
    <Panel title={t("inbox.context")}>
      {tries.length > 0 && (
        <ol aria-label={t("asking.tries")} className="mb-3 flex flex-col gap-2">
          {tries.map((one, number) => (
            <TryLine key={number} one={one} />
          ))}
        </ol>
      )}
      {best !== null && best !== undefined && (
        <section aria-label={t("inbox.best")} className="mb-3 rounded-md bg-sunken p-3">
          <h3 className="mb-1 text-sm font-medium">{t("inbox.best")}</h3>
          <Readable value={best} />
        </section>
      )}
      <Fold title={t("one.input")}>
        <Json label={t("one.input")} value={one.context.input} />
      </Fold>
      {best !== null && best !== undefined && (
        <Fold title={t("asking.bestJson")}>
          <Json label={t("asking.bestJson")} value={best} />
        </Fold>
      )}
    </Panel>
  );
}

function TryLine({ one }: { one: Try }) {
  const { t } = useTranslation("tasks");
  const kind = CLASSES.find((name) => name === one.class) ?? "failed";
  return (
    <li className="min-w-0 border-s-2 border-bad ps-3 text-sm">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <bdi className="font-medium break-all">{one.step}</bdi>
        {one.target && (
          <Badge>
            <bdi>{one.target}</bdi>
          </Badge>
        )}
        <span className="text-muted">{t("trace.attempt", { n: one.n })}</span>
      </p>
      <p>{t(`asking.classes.${kind}`)}</p>
      {one.message && (
        <p dir="auto" className="break-words text-muted">
          {one.message}
        </p>
      )}
    </li>
  );
}

/** A value as people read it: text as text, a flat object as a list, everything else as JSON. */
function Readable({ value }: { value: unknown }) {
  const { t } = useTranslation("tasks");
  if (isRecord(value) && Object.values(value).every(isPlain)) {
    return (
      <dl className="flex flex-col gap-1.5 text-sm">
        {Object.entries(value).map(([name, one]) => (
          <div key={name}>
            <dt className="text-muted">
              <bdi>{name}</bdi>
            </dt>
            <dd dir="auto" className="break-words whitespace-pre-line">
              {String(one ?? "–")}
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  if (isPlain(value)) {
    return (
      <p dir="auto" className="text-sm break-words whitespace-pre-line">
        {String(value)}
      </p>
    );
  }
  return <Json label={t("inbox.best")} value={value} />;
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== "object";
}
