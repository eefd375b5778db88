import { ImageOff } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";
import { defaultUrlTransform, type Components } from "react-markdown";
import { useTranslation } from "react-i18next";

import { CodeBlock } from "./CodeBlock";
import { Mark } from "./Mark";

const ALLOWED = /^(https?:|mailto:)/i;

/** Where a link of content may lead: the web and mail, nothing of this origin, nothing that runs. */
export function safeUrl(url: string): string {
  return ALLOWED.test(url) ? defaultUrlTransform(url) : "";
}

function Outward({ href, children }: { href?: string; children?: ReactNode }) {
  if (!href) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noreferrer noopener nofollow" className="text-accent underline underline-offset-2">
      {children}
    </a>
  );
}

/** A picture of another host is never fetched: its place says what it is, and leads there when one wants to. */
function Picture({ src, alt }: { src?: string; alt?: string }) {
  const { t } = useTranslation("chat");
  return (
    <span className="inline-flex max-w-full items-center gap-1.5 rounded-md border border-line bg-sunken px-2 py-0.5 text-sm">
      <ImageOff aria-hidden className="size-4 shrink-0 text-muted" />
      <Outward href={src}>{alt || t("picture")}</Outward>
    </span>
  );
}

function Code({ className, children, ...rest }: ComponentProps<"code">) {
  return (
    <code {...rest} className="rounded bg-sunken px-1 py-0.5 text-[0.875em] break-words">
      {children}
    </code>
  );
}

interface Node {
  children?: Node[];
  value?: string;
  properties?: { className?: unknown };
}

function textOf(node: Node): string {
  return node.value ?? (node.children ?? []).map(textOf).join("");
}

/** Elements of Markdown as we draw them. */
export const PARTS: Components = {
  a: ({ href, children }) => <Outward href={href}>{children}</Outward>,
  img: ({ src, alt }) => <Picture src={typeof src === "string" ? src : undefined} alt={alt} />,
  code: ({ node: _, ...rest }) => <Code {...rest} />,
  // Code inside lists: what stands outside of them is a block of its own.
  pre: ({ node }) => {
    const inner = (node as Node | undefined)?.children?.[0];
    const names = inner?.properties?.className;
    const name = Array.isArray(names) ? String(names[0] ?? "") : "";
    return <CodeBlock code={textOf(inner ?? {}).replace(/\n$/, "")} language={name.replace(/^language-/, "")} closed />;
  },
  table: ({ children }) => <Scrolling>{children}</Scrolling>,
  th: ({ children, style }) => (
    <th dir="auto" style={style} className="border-b border-line bg-sunken px-3 py-1.5 text-start font-medium">
      {children}
    </th>
  ),
  td: ({ children, style }) => (
    <td dir="auto" style={style} className="border-b border-line px-3 py-1.5 align-top">
      {children}
    </td>
  ),
  sup: ({ node, children }) => {
    const number = node?.properties.dataCitation;
    return number === undefined ? <sup>{children}</sup> : <Mark number={Number(number)} />;
  },
  input: ({ checked }) => <input type="checkbox" checked={Boolean(checked)} disabled readOnly aria-hidden className="me-1.5" />,
};

function Scrolling({ children }: { children?: ReactNode }) {
  const { t } = useTranslation("chat");
  return (
    <div tabIndex={0} role="region" aria-label={t("table")} className="my-3 overflow-x-auto rounded-lg border border-line first:mt-0 last:mb-0">
      <table className="w-full border-collapse text-sm">{children}</table>
    </div>
  );
}
