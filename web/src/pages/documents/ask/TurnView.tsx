import { useTranslation } from "react-i18next";

import { Badge, CopyButton, ErrorNotice, Spinner } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Citation } from "../data";
import { Headings, PassageText } from "../preview/PassageView";
import type { Shown } from "../preview/Preview";
import { AnswerText } from "./AnswerText";
import type { Answer, Turn } from "./conversation";

/** A question, its answer, and the passages that the answer rests on. */
export function TurnView({ turn, onShow }: { turn: Turn; onShow: (shown: Shown) => void }) {
  const { t } = useTranslation("documents");
  const cite = (citation: Citation): void =>
    onShow({
      storeId: citation.vector_store_id,
      fileId: citation.file_id,
      filename: citation.filename,
      at: { start: citation.start, end: citation.end },
      marks: citation.quotes.map((quote) => [quote.start, quote.end]),
    });
  const { answer } = turn;
  const text = answer?.answer ?? turn.text;
  const doubted = answer?.checks.some((one) => one.supported === false) ?? false;
  return (
    <li className="overflow-hidden rounded-lg border border-line bg-surface">
      <p dir="auto" className="border-b border-line bg-sunken px-4 py-2.5 font-medium break-words">
        {turn.question}
      </p>
      <div className="flex flex-col gap-3 p-4" aria-live="polite" aria-busy={turn.state === "going"}>
        {answer && !answer.found && (
          <p>
            <Badge kind="warn">{t("ask.notFound")}</Badge>
          </p>
        )}
        {text && <AnswerText text={text} answer={answer} onCite={cite} />}
        {turn.state === "going" && !text && <Spinner className="self-start" />}
        {turn.state === "stopped" && <p className="text-sm text-muted">{t("ask.stopped")}</p>}
        {turn.state === "failed" && <ErrorNotice error={turn.error} />}
        {doubted && (
          <p className="text-sm text-warn">
            <span className="underline decoration-warn decoration-wavy underline-offset-4">{t("ask.underlined")}</span> {t("ask.unsupported")}
          </p>
        )}
        {answer && <Sources citations={answer.citations} onCite={cite} />}
        {answer && <Foot answer={answer} asked={turn.question} />}
      </div>
    </li>
  );
}

function Sources({ citations, onCite }: { citations: Citation[]; onCite: (citation: Citation) => void }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  if (citations.length === 0) return null;
  return (
    <ol className="flex flex-col gap-2" aria-label={t("ask.sources")}>
      {citations.map((one) => (
        <li key={one.number} className="rounded-md border border-line p-3">
          <p className="mb-1 flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-muted">
            <Badge kind="accent">{one.number}</Badge>
            <button type="button" onClick={() => onCite(one)} className="font-medium break-all text-accent hover:underline">
              <bdi>{one.filename}</bdi>
            </button>
            {one.page !== null && <span>{t("preview.page", { page: format.number(one.page) })}</span>}
            <Headings headings={one.headings} />
          </p>
          <div className="max-h-32 overflow-y-auto" tabIndex={0} role="group" aria-label={t("search.passageOf", { name: one.filename })}>
            <PassageText
              text={one.text}
              kind="text"
              spans={one.quotes.map((quote) => [quote.start - one.start, quote.end - one.start])}
            />
          </div>
        </li>
      ))}
    </ol>
  );
}

/** Who answered, and what was searched for. */
function Foot({ answer, asked }: { answer: Answer; asked: string }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
      <bdi>{answer.model}</bdi>
      <span>{t("ask.tokens", { count: answer.usage.total_tokens, shown: format.number(answer.usage.total_tokens) })}</span>
      {answer.standalone_question !== asked && (
        <span>
          {t("ask.searchedFor")} <bdi className="text-ink">{answer.standalone_question}</bdi>
        </span>
      )}
      {answer.warnings.map((warning) => (
        <code key={warning}>{warning}</code>
      ))}
      <CopyButton text={answer.answer} />
    </div>
  );
}
