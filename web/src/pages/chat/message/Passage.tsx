import { ChevronRight, Download } from "lucide-react";
import { Fragment, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Button, Dialog } from "@/components";
import { useFormat } from "@/i18n/format";

import { contentOf } from "../state/files";
import type { Citation } from "../state/shapes";

/** The passage that a mark cites: where it stands, and what of it was quoted. */
export function Passage({ citation, onClose }: { citation: Citation | null; onClose: () => void }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const mayRead = useMay("files:read");
  if (!citation) return null;
  const { filename, page, headings, text, start, end } = citation;
  return (
    <Dialog
      open
      place="side"
      title={filename}
      about={t("passageOf", { number: number(citation.number) })}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      footer={
        mayRead ? (
          <Button asChild size="small">
            <a href={contentOf(citation.file_id)} download={filename}>
              <Download aria-hidden className="size-4" /> {t("openDocument")}
            </a>
          </Button>
        ) : undefined
      }
    >
      <dl className="mb-4 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        {page !== null && (
          <>
            <dt className="text-muted">{t("pageLabel")}</dt>
            <dd className="tabular-nums">{number(page)}</dd>
          </>
        )}
        {headings.length > 0 && (
          <>
            <dt className="text-muted">{t("chapter")}</dt>
            <dd className="flex flex-wrap items-center gap-x-1">
              {headings.map((heading, index) => (
                <Fragment key={index}>
                  {index > 0 && <ChevronRight aria-hidden className="size-3.5 text-muted rtl:-scale-x-100" />}
                  <bdi>{heading}</bdi>
                </Fragment>
              ))}
            </dd>
          </>
        )}
        <dt className="text-muted">{t("characters")}</dt>
        <dd className="tabular-nums">
          <bdi>
            {number(start)}–{number(end)}
          </bdi>
        </dd>
      </dl>
      <blockquote dir="auto" className="rounded-lg border border-line bg-sunken p-4 leading-7 break-words whitespace-pre-wrap">
        <Quoted text={text} start={start} quotes={citation.quotes} />
      </blockquote>
      {page !== null && mayRead && <Page key={citation.passage_id} fileId={citation.file_id} page={page} name={filename} />}
    </Dialog>
  );
}

/** The page as it looks, below what was read of it; nothing of a document that has no pages to be drawn. */
function Page({ fileId, page, name }: { fileId: string; page: number; name: string }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const [failed, setFailed] = useState(false);
  if (failed) return <p className="mt-3 text-sm text-muted">{t("pageNotDrawn")}</p>;
  return (
    <img
      src={`/v1/files/${encodeURIComponent(fileId)}/pages/${page}`}
      alt={t("pageOf", { page: number(page), name })}
      loading="lazy"
      onError={() => setFailed(true)}
      className="mt-4 min-h-24 w-full rounded-lg border border-line bg-white"
    />
  );
}

/** The passage with what was quoted of it marked; a passage of which nothing is quoted is marked as a whole. */
function Quoted({ text, start, quotes }: { text: string; start: number; quotes: Citation["quotes"] }) {
  // The server counts characters, JavaScript halves of some of them.
  const letters = Array.from(text);
  const spans = quotes
    .map((quote) => [Math.max(0, quote.start - start), Math.min(letters.length, quote.end - start)] as const)
    .filter(([from, to]) => from < to)
    .sort((one, other) => one[0] - other[0]);
  if (spans.length === 0) return <mark className="bg-transparent text-ink">{text}</mark>;
  const pieces = [];
  let at = 0;
  for (const [from, to] of spans) {
    if (from < at) continue;
    pieces.push(<Fragment key={at}>{letters.slice(at, from).join("")}</Fragment>);
    pieces.push(
      <mark key={`quote-${from}`} className="rounded-sm bg-warn-soft text-ink">
        {letters.slice(from, to).join("")}
      </mark>,
    );
    at = to;
  }
  pieces.push(<Fragment key={at}>{letters.slice(at).join("")}</Fragment>);
  return <>{pieces}</>;
}
