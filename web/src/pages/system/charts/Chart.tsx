import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { Panel, Spinner } from "@/components";
import { useFormat } from "@/i18n/format";

import { lookOf } from "./looks";
import type { PlotSeries } from "./Plot";

const Plot = lazy(() => import("./Plot"));

export interface ChartProps {
  title: string;
  /** Unix seconds. */
  times: number[];
  series: PlotSeries[];
  format: (value: number) => string;
  formatTime: (unixS: number) => string;
  most?: number;
}

/** Lines over time with what they say at the point that is pointed at, else at the last one. */
export function Chart({ title, times, series, format, formatTime, most }: ChartProps) {
  const { t } = useTranslation("system");
  const { time } = useFormat();
  const [point, setPoint] = useState<number | null>(null);
  const shown = series.filter((one) => one.values.some((value) => value !== null));
  const at = point !== null && point < times.length ? point : null;
  return (
    <Panel title={title}>
      {shown.length === 0 ? (
        <p className="grid h-42 place-items-center text-muted">{t("charts.nothing")}</p>
      ) : (
        <>
          <ul className="mb-2 flex min-h-10 flex-wrap content-start gap-x-4 gap-y-0.5 text-sm">
            {shown.map((one, place) => {
              const value = at === null ? lastOf(one.values) : (one.values[at] ?? null);
              return (
                <li key={one.name} className="flex items-center gap-1.5">
                  <Swatch place={place} />
                  <bdi>{one.name}</bdi>
                  <bdi className="font-medium tabular-nums">{value === null ? "–" : format(value)}</bdi>
                </li>
              );
            })}
            {at !== null && <li className="text-muted tabular-nums">{time(times[at] ?? 0)}</li>}
          </ul>
          <Suspense fallback={<Spinner className="h-42 w-full" />}>
            <Plot
              label={t("charts.label", { title, lines: shown.map((one) => one.name).join(", ") })}
              times={times}
              series={shown}
              format={format}
              formatTime={formatTime}
              most={most}
              onPoint={setPoint}
            />
          </Suspense>
        </>
      )}
    </Panel>
  );
}

function Swatch({ place }: { place: number }) {
  const look = lookOf(place);
  return (
    <svg aria-hidden width="20" height="4" className={look.text}>
      <line x1="0" y1="2" x2="20" y2="2" stroke="currentColor" strokeWidth="2.5" strokeDasharray={look.dash.join(" ")} />
    </svg>
  );
}

function lastOf(values: (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}
