import clsx from "clsx";
import { Eye } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Badge, Button } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Passage } from "../data";
import { Marked, type Span } from "../text";
import { PageImage } from "./PageImage";

export interface PassageViewProps {
  passage: Passage;
  /** From 1, within its document. */
  number: number;
  /** It is the one that was asked for: it comes into view. */
  current: boolean;
  /** What is marked, in characters of the whole document. */
  marks: readonly Span[];
  /** The file, where its pages can be looked at. */
  drawn?: { fileId: string; filename: string };
}

/** A passage of a document as it was read, with its place. */
export function PassageView({ passage, number, current, marks, drawn }: PassageViewProps) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const [looked, setLooked] = useState(false);
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (current) item.current?.scrollIntoView({ block: "center" });
  }, [current]);
  return (
    <li
      ref={item}
      aria-current={current || undefined}
      className={clsx(
        "rounded-lg border p-3 [contain-intrinsic-size:auto_9rem] [content-visibility:auto]",
        current ? "border-accent bg-accent-soft/40" : "border-line bg-surface",
      )}
    >
      <div className="mb-1 flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-muted">
        <span className="tabular-nums">{format.number(number)}</span>
        {passage.page !== null && <span>{t("preview.page", { page: format.number(passage.page) })}</span>}
        <Headings headings={passage.headings} />
        {passage.kind !== "text" && <Badge>{t(`preview.kinds.${passage.kind}`)}</Badge>}
        {drawn && passage.page !== null && (
          <Button size="small" look="ghost" icon={Eye} className="ms-auto" aria-expanded={looked} onClick={() => setLooked(!looked)}>
            {t("preview.see")}
          </Button>
        )}
      </div>
      {drawn && looked && passage.page !== null && <PageImage fileId={drawn.fileId} filename={drawn.filename} page={passage.page} />}
      <PassageText text={passage.text} kind={passage.kind} spans={marks.map(([start, end]) => [start - passage.start, end - passage.start])} />
    </li>
  );
}

/** The headings that a passage stands under. */
export function Headings({ headings }: { headings: string[] }) {
  if (headings.length === 0) return null;
  return (
    <span dir="auto" className="min-w-0 break-words">
      {headings.join(" › ")}
    </span>
  );
}

/** The text of a passage, with some of it marked; tables and code keep their columns. */
export function PassageText({ text, kind, spans }: { text: string; kind: Passage["kind"]; spans: readonly Span[] }) {
  const { t } = useTranslation("documents");
  if (kind === "image" && !text) return <p className="text-muted italic">{t("preview.picture")}</p>;
  if (kind === "table" || kind === "code") {
    return (
      <pre tabIndex={0} className="overflow-x-auto font-mono text-xs">
        <Marked text={text} spans={spans} />
      </pre>
    );
  }
  return (
    <p dir="auto" className="text-sm break-words whitespace-pre-wrap">
      <Marked text={text} spans={spans} />
    </p>
  );
}
