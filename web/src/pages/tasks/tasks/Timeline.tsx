import clsx from "clsx";
import { useTranslation } from "react-i18next";

import { Badge, Json } from "@/components";
import { useFormat } from "@/i18n/format";

import { ATTEMPT_KINDS, type Attempt, type Trace } from "../data";
import { Failure, Fold } from "../parts";

const BARS = { started: "bg-accent", ok: "bg-good", failed: "bg-bad", abandoned: "bg-warn", late: "bg-warn" };
/** No attempt is drawn narrower, in shares of the whole: it would not be seen. */
const LEAST = 0.01;

/** From the first attempt's beginning to the last one's end, in ms since 1970. */
interface Span {
  from: number;
  to: number;
}

function spanOf(trace: Trace): Span {
  const attempts = trace.steps.flatMap((step) => step.attempts);
  const from = Math.min(...attempts.map((one) => Date.parse(one.started_at)));
  const to = Math.max(...attempts.map((one) => (one.ended_at ? Date.parse(one.ended_at) : Date.now())));
  return { from, to: Math.max(to, from + 1) };
}

/** Steps, one below the other, each attempt as a bar where it lay in time, with what was sent and what came back. */
export function Timeline({ trace }: { trace: Trace }) {
  const { t } = useTranslation("tasks");
  if (trace.steps.length === 0) return <p className="text-muted">{t("trace.none")}</p>;
  const span = spanOf(trace);
  return (
    <ol className="flex flex-col gap-4">
      {trace.steps.map((step) => (
        <li key={step.id} className="min-w-0">
          <h3 className="mb-1 text-sm font-semibold">
            <bdi>{step.id}</bdi>
          </h3>
          <ol className="flex flex-col gap-2">
            {step.attempts.map((attempt) => (
              <AttemptRow key={attempt.n} step={step.id} attempt={attempt} span={span} />
            ))}
          </ol>
        </li>
      ))}
    </ol>
  );
}

function AttemptRow({ step, attempt, span }: { step: string; attempt: Attempt; span: Span }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const whole = span.to - span.from;
  const began = (Date.parse(attempt.started_at) - span.from) / whole;
  const ended = ((attempt.ended_at ? Date.parse(attempt.ended_at) : Date.now()) - span.from) / whole;
  const share = Math.max(ended - began, LEAST);
  const name = t("trace.attempt", { n: attempt.n });
  return (
    <li className="min-w-0 rounded-md border border-line p-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
        <span className="font-medium">{name}</span>
        <bdi className="min-w-0 break-all text-muted">{attempt.target}</bdi>
        <span className="ms-auto tabular-nums">{attempt.ms !== null && format.duration(attempt.ms / 1000)}</span>
        <Badge kind={ATTEMPT_KINDS[attempt.state]}>{t(`attempts.${attempt.state}`)}</Badge>
      </div>
      <div aria-hidden className="my-2 h-2 rounded-full bg-sunken">
        <div
          className={clsx("h-full rounded-full", BARS[attempt.state], attempt.ended_at === null && "animate-pulse")}
          style={{ marginInlineStart: `${Math.min(began, 1 - LEAST) * 100}%`, inlineSize: `${Math.min(share, 1 - Math.min(began, 1 - LEAST)) * 100}%` }}
        />
      </div>
      {attempt.error && <Failure error={attempt.error} />}
      <Fold title={t("trace.request")}>
        <Json label={t("trace.requestOf", { step, n: attempt.n })} value={attempt.request} />
      </Fold>
      <Fold title={t("trace.response")}>
        <Json label={t("trace.responseOf", { step, n: attempt.n })} value={attempt.response} />
      </Fold>
      {attempt.error && (
        <Fold title={t("trace.error")}>
          <Json label={t("trace.errorOf", { step, n: attempt.n })} value={attempt.error} />
        </Fold>
      )}
      <p className="mt-1 text-xs text-muted">
        {format.clock(attempt.started_at)} · <code className="break-all">{attempt.idempotency_key}</code>
        {attempt.cost !== null && ` · ${t("trace.cost", { cost: format.number(attempt.cost) })}`}
      </p>
    </li>
  );
}
