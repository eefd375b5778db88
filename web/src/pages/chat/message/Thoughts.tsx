import { Brain } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { blocksOf, type Block } from "../markdown/blocks";

const OPENING = /^\s*<think(?:ing)?>/;
const CLOSING = /<\/think(?:ing)?>/;

export interface Said {
  thoughts: string;
  /** Whether the model is still at it. */
  thinking: boolean;
  said: { closed: Block[]; open: Block | null };
}

function sourceOf(block: Block): string {
  if (block.kind === "code") return `\`\`\`${block.language}\n${block.text}\n${block.closed ? "```" : ""}`;
  return block.kind === "maths" ? `$$\n${block.text}\n$$` : block.text;
}

/** Takes apart an answer that begins with the model's thoughts between `<think>` and `</think>`, as some servers send it. */
export function thoughtsOf(closed: Block[], open: Block | null): Said {
  const first = closed[0] ?? open;
  if (!first || !OPENING.test(first.text)) return { thoughts: "", thinking: false, said: { closed, open } };
  const all = open ? [...closed, open] : closed;
  const end = all.findIndex((block) => CLOSING.test(block.text));
  const text = all
    .slice(0, end < 0 ? undefined : end + 1)
    .map(sourceOf)
    .join("\n\n")
    .replace(OPENING, "");
  if (end < 0) return { thoughts: text.trim(), thinking: open !== null, said: { closed: [], open: null } };
  const [thoughts = "", rest = ""] = text.split(CLOSING);
  const behind = end < closed.length ? closed.slice(end + 1) : [];
  const said = { closed: [...blocksOf(rest.trim()), ...behind], open: end < closed.length ? open : null };
  return { thoughts: thoughts.trim(), thinking: false, said };
}

/** What a model thought before it spoke; folded. */
export function Thoughts({ text, thinking }: { text: string; thinking: boolean }) {
  const { t } = useTranslation("chat");
  const lines = useMemo(() => text.split("\n").length, [text]);
  return (
    <details className="rounded-lg border border-line bg-sunken/60 px-3 py-1.5 text-sm">
      <summary className="flex cursor-pointer items-center gap-2 text-muted">
        <Brain aria-hidden className={thinking ? "size-4 animate-pulse" : "size-4"} />
        {thinking ? t("thinking") : t("thoughts", { count: lines })}
      </summary>
      <p dir="auto" className="mt-2 max-h-96 overflow-y-auto break-words whitespace-pre-wrap text-muted">
        {text}
      </p>
    </details>
  );
}
