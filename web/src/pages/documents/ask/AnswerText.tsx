import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { Citation } from "../data";
import { cut, type Span } from "../text";
import type { Answer } from "./conversation";

export interface AnswerTextProps {
  text: string;
  /** null while it is written: then its marks are not alive yet. */
  answer: Answer | null;
  onCite: (citation: Citation) => void;
}

/** An answer: its marks open the passages, and what no passage says is underlined. Nothing else in it is alive. */
export function AnswerText({ text, answer, onCite }: AnswerTextProps) {
  const { t } = useTranslation("documents");
  const doubted = (answer?.checks ?? []).filter((one) => one.supported === false).map((one): Span => [one.start, one.end]);
  return (
    <p dir="auto" className="break-words whitespace-pre-wrap">
      {cut(text, doubted).map((piece, index) =>
        piece.inside ? (
          <span key={index} title={t("ask.unsupported")} className="underline decoration-warn decoration-wavy underline-offset-4">
            <Cited text={piece.text} citations={answer?.citations ?? []} onCite={onCite} />
          </span>
        ) : (
          <Cited key={index} text={piece.text} citations={answer?.citations ?? []} onCite={onCite} />
        ),
      )}
    </p>
  );
}

function Cited({ text, citations, onCite }: { text: string; citations: Citation[]; onCite: (citation: Citation) => void }): ReactNode {
  const { t } = useTranslation("documents");
  return text.split(/(\[\d+\])/).map((piece, index) => {
    const number = /^\[(\d+)\]$/.exec(piece)?.[1];
    const citation = number === undefined ? undefined : citations.find((one) => one.number === Number(number));
    if (!citation) return <Fragment key={index}>{piece}</Fragment>;
    return (
      <button
        key={index}
        type="button"
        aria-label={t("ask.citation", { number: citation.number, name: citation.filename })}
        onClick={() => onCite(citation)}
        className="mx-0.5 inline-flex min-w-5 items-center justify-center rounded bg-accent-soft px-1 align-baseline text-xs font-semibold text-accent hover:underline"
      >
        {number}
      </button>
    );
  });
}
