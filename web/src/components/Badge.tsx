import clsx from "clsx";
import type { ReactNode } from "react";

const KINDS = {
  neutral: "bg-sunken text-muted",
  accent: "bg-accent-soft text-accent",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
};

/** A word about the state of something. */
export function Badge({ kind = "neutral", children }: { kind?: keyof typeof KINDS; children: ReactNode }) {
  return (
    <span className={clsx("inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap", KINDS[kind])}>
      {children}
    </span>
  );
}
