import type { ReactNode } from "react";

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
