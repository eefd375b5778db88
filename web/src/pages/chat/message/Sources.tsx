import { FileText } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useFormat } from "@/i18n/format";

import type { Citation } from "../state/shapes";

export interface SourcesProps {
  citations: Citation[];
  /** The answer: only what it cites is listed. */
  cited: string;
  onOpen: (citation: Citation) => void;
}

/** The passages that an answer cites, below it. */
export function Sources({ citations, cited, onOpen }: SourcesProps) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const used = citations.filter((one) => cited.includes(`[${one.number}]`));
  if (used.length === 0) return null;
  return (
    <ul aria-label={t("sources")} className="mt-1 flex flex-wrap gap-1.5">
      {used.map((one) => (
        <li key={one.number} className="max-w-full">
          <button
            type="button"
            onClick={() => onOpen(one)}
            className="flex min-h-8 max-w-72 items-center gap-2 rounded-md border border-line bg-surface px-2 text-sm hover:bg-sunken"
          >
            <span className="inline-flex h-5 min-w-5 items-center justify-center rounded bg-accent-soft px-1 text-xs font-semibold text-accent">
              {one.number}
            </span>
            <FileText aria-hidden className="size-4 shrink-0 text-muted" />
            <bdi className="truncate">{one.filename}</bdi>
            {one.page !== null && <span className="shrink-0 text-muted">{t("page", { page: number(one.page) })}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}
