import { createContext, useContext } from "react";
import { useTranslation } from "react-i18next";

import type { Citation } from "../state/shapes";

export interface Cited {
  citations: readonly Citation[];
  open: (citation: Citation) => void;
}

export const CitedContext = createContext<Cited | null>(null);

/** Whether an answer cites anything: all that its blocks need to know, so that they are not drawn anew for the rest. */
export const GroundedContext = createContext(false);

/** The number of a citation in the text; opens its passage. */
export function Mark({ number }: { number: number }) {
  const { t } = useTranslation("chat");
  const cited = useContext(CitedContext);
  const citation = cited?.citations.find((one) => one.number === number);
  if (!cited || !citation) return <>[{number}]</>;
  return (
    <button
      type="button"
      dir="ltr"
      title={citation.filename}
      aria-label={t("openCitation", { number, file: citation.filename })}
      onClick={() => cited.open(citation)}
      className="mx-0.5 inline-flex h-5 min-w-5 items-center justify-center rounded bg-accent-soft px-1 align-text-top text-xs font-semibold text-accent hover:bg-accent hover:text-accent-ink"
    >
      {number}
    </button>
  );
}
