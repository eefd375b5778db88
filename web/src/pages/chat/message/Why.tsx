import { Info } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Badge, Button } from "@/components";
import { Popover } from "@/components/Popover";
import { useFormat } from "@/i18n/format";

import { decisionOf, type Decision, type Message } from "../state/shapes";

/** Which model answered, why that one, and what the answer took. */
export function Why({ message }: { message: Message }) {
  const { t } = useTranslation("chat");
  const { duration, number, time } = useFormat();
  const decision = decisionOf(message);
  if (!message.model && !decision) return null;
  const name = message.model ?? decision?.target ?? "";
  return (
    <Popover
      label={t("why.title")}
      trigger={
        <Button size="small" look="ghost" className="min-w-0 shrink! text-muted!" aria-label={t("why.of", { model: name })}>
          <Info aria-hidden className="size-4" />
          <bdi className="max-w-56 truncate font-normal">{name}</bdi>
        </Button>
      }
    >
      <h3 className="mb-2 font-semibold">{t("why.title")}</h3>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        {decision && <Chosen decision={decision} />}
        <Line name={t("why.tokens")}>
          {number(message.prompt_tokens ?? 0)} → {number(message.completion_tokens ?? 0)}
        </Line>
        {message.first_token_ms !== null && <Line name={t("why.first")}>{duration(message.first_token_ms / 1000)}</Line>}
        {message.total_ms !== null && <Line name={t("why.total")}>{duration(message.total_ms / 1000)}</Line>}
        <Speed message={message} />
        {message.cost_usd !== null && (
          <Line name={t("why.cost")}>{number(message.cost_usd, { style: "currency", currency: "USD", maximumFractionDigits: 4 })}</Line>
        )}
        <Line name={t("why.at")}>{time(message.created_at)}</Line>
      </dl>
    </Popover>
  );
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 break-words tabular-nums">
        <bdi>{children}</bdi>
      </dd>
    </>
  );
}

function Chosen({ decision }: { decision: Decision }) {
  const { t } = useTranslation("chat");
  const { duration } = useFormat();
  const [kind = "", ...reasons] = decision.reason.split(":");
  const known = ["direct", "alias", "auto"].includes(kind);
  return (
    <>
      <Line name={t("why.requested")}>{decision.requested}</Line>
      <Line name={t("why.target")}>{decision.target}</Line>
      <Line name={t("why.reason")}>
        {known ? t(`why.reasons.${kind}`) : kind}
        {reasons.length > 0 && ` (${reasons.join(":").trim()})`}
      </Line>
      {decision.attempts.length > 1 && (
        <>
          <dt className="text-muted">{t("why.attempts")}</dt>
          <dd className="flex flex-col items-start gap-1">
            {decision.attempts.map((one, index) => (
              <span key={index} className="flex flex-wrap items-center gap-1.5">
                <bdi className="break-all">{one.target}</bdi>
                <Badge kind={one.error ? "bad" : "good"}>{one.error ?? duration(one.duration_ms / 1000)}</Badge>
              </span>
            ))}
          </dd>
        </>
      )}
      {decision.queued_ms > 0 && <Line name={t("why.queued")}>{duration(decision.queued_ms / 1000)}</Line>}
      {decision.cache !== "off" && <Line name={t("why.cache")}>{t(`why.caches.${decision.cache}`)}</Line>}
    </>
  );
}

function Speed({ message }: { message: Message }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const { completion_tokens: tokens, total_ms: total, first_token_ms: first } = message;
  const writing = (total ?? 0) - (first ?? 0);
  if (!tokens || writing < 50) return null;
  return <Line name={t("why.speed")}>{t("why.perSecond", { speed: number(tokens / (writing / 1000), { maximumFractionDigits: 0 }) })}</Line>;
}
