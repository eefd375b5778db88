import type { ReactNode } from "react";

import { Progress } from "@/components";

/** Names and what there is to say of each. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="text-end tabular-nums break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** How much of something is used. */
export function Meter({ name, used, whole, unit }: { name: string; used: number; whole: number; unit: (value: number) => string }) {
  const share = whole > 0 ? used / whole : 0;
  return (
    <div>
      <div className="mb-1 flex flex-wrap justify-between gap-x-3">
        <bdi className="min-w-0 break-all">{name}</bdi>
        <span className="text-muted tabular-nums">
          <bdi>{unit(used)}</bdi> / <bdi>{unit(whole)}</bdi>
        </span>
      </div>
      <Progress label={name} share={share} kind={share > 0.95 ? "bad" : share > 0.85 ? "warn" : "accent"} />
    </div>
  );
}

/** A value as JSON, for those who know what it is. */
export function Json({ label, value }: { label: string; value: unknown }) {
  return (
    <pre dir="ltr" tabIndex={0} aria-label={label} className="max-h-72 overflow-auto rounded-md bg-sunken p-3 text-start text-xs">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
