import { SearchX } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "@/api/client";
import { Badge, EmptyState } from "@/components";
import { useFormat } from "@/i18n/format";

import { Headings, PassageText } from "../preview/PassageView";
import type { Shown } from "../preview/Preview";
import type { Span } from "../text";
import type { Scores } from "./asked";
import { ScoreBars } from "./ScoreBars";

type Result = Schemas["ResultRead"];

const WARNINGS = new Set(["vectors_unavailable", "rerank_failed", "indexing", "query_not_rewritten"]);

export interface ResultsProps {
  page: Schemas["ResultPage"];
  /** As it was asked. */
  query: string;
  onShow: (shown: Shown) => void;
}

/** What a search found, the best first, with the scores of both sides. */
export function Results({ page, query, onShow }: ResultsProps) {
  const { t } = useTranslation("documents");
  const alpha = (page.data[0]?.scores as Scores | null | undefined)?.alpha;
  return (
    <section aria-label={t("search.results")} className="flex flex-col gap-3">
      {page.warnings.map((warning) => (
        <p key={warning} className="rounded-lg border border-warn bg-warn-soft px-3 py-2 text-sm">
          {WARNINGS.has(warning) ? t(`search.warnings.${warning}`) : warning}
        </p>
      ))}
      <Line found={page.data.length} alpha={alpha} timings={page.timings_ms ?? {}} />
      {page.search_query.some((one) => one !== query) && (
        <p className="text-sm text-muted">
          {t("ask.searchedFor")} <bdi className="text-ink">{page.search_query.join(" · ")}</bdi>
        </p>
      )}
      {page.data.length === 0 ? (
        <EmptyState icon={SearchX} title={t("search.nothing")}>
          {t("search.nothingAbout")}
        </EmptyState>
      ) : (
        <ol className="flex flex-col gap-3">
          {page.data.map((result, index) => (
            <Found key={result.passage_id} result={result} place={index + 1} onShow={onShow} />
          ))}
        </ol>
      )}
    </section>
  );
}

interface LineProps {
  found: number;
  alpha: number | undefined;
  timings: Record<string, number>;
}

/** How many there are, what counted how much, and how long it took. */
function Line({ found, alpha, timings }: LineProps) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const took = Object.entries(timings);
  return (
    <div role="status" className="flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-muted">
      <span className="font-medium text-ink">{t("search.found", { count: found })}</span>
      {alpha !== undefined && (
        <span>{t("search.weights", { vectors: format.percent(alpha), words: format.percent(1 - alpha) })}</span>
      )}
      {took.length > 0 && (
        <span className="flex flex-wrap gap-x-3" dir="ltr">
          {took.map(([stage, ms]) => (
            <code key={stage} className="text-xs">
              {stage} {format.number(ms, { maximumFractionDigits: 1 })} ms
            </code>
          ))}
        </span>
      )}
    </div>
  );
}

function Found({ result, place, onShow }: { result: Result; place: number; onShow: (shown: Shown) => void }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const scores = result.scores as Scores | null | undefined;
  const spans: Span[] = scores?.chunk_start != null && scores.chunk_end != null ? [[scores.chunk_start, scores.chunk_end]] : [];
  const show = (): void =>
    onShow({
      storeId: result.vector_store_id,
      fileId: result.file_id,
      filename: result.filename,
      at: { start: result.start, end: result.end },
      marks: spans.map(([start, end]) => [start + result.start, end + result.start]),
    });
  return (
    <li className="grid gap-x-6 gap-y-3 rounded-lg border border-line bg-surface p-4 lg:grid-cols-[minmax(0,1fr)_16rem]">
      <div className="min-w-0">
        <p className="mb-1.5 flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-muted">
          <Badge kind="accent">{format.number(place)}</Badge>
          <button type="button" onClick={show} className="font-medium break-all text-accent hover:underline">
            <bdi>{result.filename}</bdi>
          </button>
          {result.page !== null && <span>{t("preview.page", { page: format.number(result.page) })}</span>}
          <Headings headings={result.headings} />
          {result.kind !== "text" && <Badge>{t(`preview.kinds.${result.kind}`)}</Badge>}
        </p>
        <div className="max-h-60 overflow-y-auto" tabIndex={0} role="group" aria-label={t("search.passageOf", { name: result.filename })}>
          <PassageText text={result.content.map((one) => one.text).join("\n")} kind={result.kind} spans={spans} />
        </div>
      </div>
      {scores && <ScoreBars scores={scores} />}
    </li>
  );
}
