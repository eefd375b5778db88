import { Progress } from "@/components";

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
