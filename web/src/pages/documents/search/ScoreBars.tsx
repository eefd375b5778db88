import { useTranslation } from "react-i18next";

import { useFormat } from "@/i18n/format";

import type { Scores } from "./asked";

/** How a passage came to its place: by its vectors, by its words, and by both together. */
export function ScoreBars({ scores }: { scores: Scores }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const figure = (value: number): string => format.number(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const { similarity, dense, dense_rank, bm25, lexical, lexical_rank, fused, fused_rank, rerank } = scores;
  return (
    <dl className="grid grid-cols-[auto_minmax(3rem,1fr)_auto] content-start items-center gap-x-3 gap-y-1.5 text-xs">
      <Bar
        name={t("search.vectors")}
        share={dense}
        rank={dense_rank}
        figure={similarity === null ? null : t("search.cosine", { value: figure(similarity) })}
        tone="bg-good"
      />
      <Bar
        name={t("search.words")}
        share={lexical}
        rank={lexical_rank}
        figure={bm25 === null ? null : t("search.bm25", { value: figure(bm25) })}
        tone="bg-warn"
      />
      <Bar name={t("search.both")} share={fused} rank={fused_rank} figure={figure(fused)} tone="bg-accent" />
      {rerank !== null && <Bar name={t("search.reranked")} share={rerank} rank={null} figure={figure(rerank)} tone="bg-ink" />}
    </dl>
  );
}

interface BarProps {
  name: string;
  /** 0..1; null = it is not in that list. */
  share: number | null;
  rank: number | null;
  figure: string | null;
  tone: string;
}

function Bar({ name, share, rank, figure, tone }: BarProps) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  return (
    <div className="contents">
      <dt className="whitespace-nowrap">
        {name}
        {rank !== null && <span className="ms-1 text-muted tabular-nums">{t("search.rank", { rank: format.number(rank) })}</span>}
      </dt>
      <dd aria-hidden className="h-1.5 overflow-hidden rounded-full bg-sunken">
        <div className={`h-full rounded-full ${tone}`} style={{ inlineSize: `${Math.min(1, Math.max(0, share ?? 0)) * 100}%` }} />
      </dd>
      <dd className="text-end whitespace-nowrap text-muted tabular-nums">{figure ?? t("search.notFound")}</dd>
    </div>
  );
}
