import { lazy, memo, Suspense } from "react";

import type { Block } from "./blocks";
import { CodeBlock } from "./CodeBlock";
import { TextBlock } from "./TextBlock";

const Formula = lazy(() => import("./Maths").then((part) => ({ default: part.Formula })));

/** One block; drawn anew only when its own text changes. */
const OneBlock = memo(function OneBlock({ kind, text, language, closed }: Block) {
  if (kind === "code") return <CodeBlock code={text} language={language} closed={closed} />;
  if (kind === "maths") {
    const source = <pre className="overflow-x-auto p-3 text-sm text-muted">{text}</pre>;
    return closed ? (
      <Suspense fallback={source}>
        <Formula text={text} />
      </Suspense>
    ) : (
      source
    );
  }
  return <TextBlock text={text} />;
});

const GROUP = 40;

/** Some blocks in a row; those of a full group are finished, so its last one tells whether any of them is another. */
const Group = memo(
  function Group({ blocks }: { blocks: Block[] }) {
    return blocks.map((block, index) => <OneBlock key={index} {...block} />);
  },
  (before, after) => before.blocks.length === after.blocks.length && before.blocks.at(-1) === after.blocks.at(-1),
);

/** An answer: what is finished of it, and what still grows. A block keeps its place when it is finished. */
export function Blocks({ closed, open }: { closed: Block[]; open: Block | null }) {
  const blocks = open ? [...closed, open] : closed;
  const groups: Block[][] = [];
  for (let at = 0; at < blocks.length; at += GROUP) groups.push(blocks.slice(at, at + GROUP));
  return (
    <div dir="auto" className="prose-chat min-w-0 break-words">
      {groups.map((group, index) => (
        <Group key={index} blocks={group} />
      ))}
    </div>
  );
}
