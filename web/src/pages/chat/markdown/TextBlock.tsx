import { lazy, memo, Suspense, useContext, useMemo } from "react";
import Markdown from "react-markdown";
import remarkGfm from "remark-gfm";

import { markCitations } from "./citations";
import { GroundedContext } from "./Mark";
import { mathsOf } from "./maths";
import { PARTS, safeUrl } from "./parts";

const MathsText = lazy(() => import("./Maths").then((part) => ({ default: part.MathsText })));
const GFM = [remarkGfm];
const MARKED = [markCitations];
const UNMARKED: [] = [];

/** Markdown of one block. What reads maths is loaded with the first block that has some. */
export const TextBlock = memo(function TextBlock({ text }: { text: string }) {
  const marks = useContext(GroundedContext) ? MARKED : UNMARKED;
  const written = useMemo(() => mathsOf(text), [text]);
  const plain = (
    <Markdown remarkPlugins={GFM} rehypePlugins={marks} components={PARTS} urlTransform={safeUrl}>
      {written.text}
    </Markdown>
  );
  if (!written.maths) return plain;
  return (
    <Suspense fallback={plain}>
      <MathsText text={written.text} marks={marks} />
    </Suspense>
  );
});
