import "katex/dist/katex.min.css";

import Markdown from "react-markdown";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";

import type { markCitations } from "./citations";
import { drawMaths } from "./katex";
import { PARTS, safeUrl } from "./parts";

const REMARK = [remarkGfm, remarkMath];
/** Markdown with maths in it. */
export function MathsText({ text, marks }: { text: string; marks: (typeof markCitations)[] }) {
  return (
    <Markdown remarkPlugins={REMARK} rehypePlugins={[drawMaths, ...marks]} components={PARTS} urlTransform={safeUrl}>
      {text}
    </Markdown>
  );
}

/** A formula that stands by itself. */
export function Formula({ text }: { text: string }) {
  return (
    <div dir="ltr" tabIndex={0} className="overflow-x-auto py-1">
      <MathsText text={`$$\n${text.trim()}\n$$`} marks={[]} />
    </div>
  );
}
