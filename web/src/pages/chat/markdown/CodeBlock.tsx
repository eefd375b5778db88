import { memo, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { CopyButton } from "@/components";

import { useColours } from "./Colours";
import type { Token } from "./highlight.worker";

const CHUNK_LINES = 40;

export interface CodeBlockProps {
  code: string;
  language: string;
  /** Colours come when nothing more does. */
  closed: boolean;
}

/** Code with its language and a way to copy it; long code is drawn in chunks of lines. */
export const CodeBlock = memo(function CodeBlock({ code, language, closed }: CodeBlockProps) {
  const { t } = useTranslation("chat");
  const colours = useColours(code, language, closed);
  const chunks = useMemo(() => {
    const lines = code.split("\n");
    const cut: string[] = [];
    for (let at = 0; at < lines.length; at += CHUNK_LINES) cut.push(lines.slice(at, at + CHUNK_LINES).join("\n"));
    return cut;
  }, [code]);
  return (
    <figure dir="ltr" className="code-block my-3 overflow-hidden rounded-lg border border-line bg-sunken first:mt-0 last:mb-0">
      <figcaption className="flex min-h-9 items-center gap-2 border-b border-line ps-3 pe-1 text-xs text-muted">
        <span className="min-w-0 flex-1 truncate font-mono">{language || t("code")}</span>
        <CopyButton text={code} label={t("copyCode")} />
      </figcaption>
      <pre tabIndex={0} role="region" aria-label={language || t("code")} className="overflow-x-auto p-3 text-[0.8125rem] leading-5">
        <code>
          {chunks.map((chunk, index) => (
            <Chunk key={index} text={chunk} lines={colours?.slice(index * CHUNK_LINES, (index + 1) * CHUNK_LINES)} />
          ))}
        </code>
      </pre>
    </figure>
  );
});

interface ChunkProps {
  text: string;
  lines: Token[][] | undefined;
}

/** Some lines; in colour once they came near to what is seen, so that long code is never coloured at one stroke. */
const Chunk = memo(
  function Chunk({ text, lines }: ChunkProps) {
    const place = useRef<HTMLSpanElement>(null);
    const [near, setNear] = useState(false);
    const waits = lines !== undefined && !near;
    useEffect(() => {
      if (!waits || !place.current) return;
      const observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting)) setNear(true);
        },
        { rootMargin: "600px" },
      );
      observer.observe(place.current);
      return () => observer.disconnect();
    }, [waits]);
    return (
      <span ref={place} className="block">
        {lines && near ? lines.map((line, index) => <Line key={index} tokens={line} last={index === lines.length - 1} />) : text}
      </span>
    );
  },
  (before, after) => before.text === after.text && Boolean(before.lines) === Boolean(after.lines),
);

function Line({ tokens, last }: { tokens: Token[]; last: boolean }) {
  return (
    <>
      {tokens.map(([kind, text], index) =>
        kind ? (
          <span key={index} className={kind}>
            {text}
          </span>
        ) : (
          text
        ),
      )}
      {!last && "\n"}
    </>
  );
}
