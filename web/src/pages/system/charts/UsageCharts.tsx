import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { Chart } from "./Chart";
import type { UsageSeries } from "./data";
import { useUnits } from "./useUnits";

type Point = UsageSeries["data"][number];

/** Requests, tokens and times of answers. */
export function UsageCharts({ usage, formatTime }: { usage: UsageSeries; formatTime: (unixS: number) => string }) {
  const { t } = useTranslation("system");
  const units = useUnits();
  const charts = useMemo(() => {
    const points = usage.data;
    const of = (read: (point: Point) => number | null): (number | null)[] => points.map(read);
    const seconds = (value: number | null): number | null => (value === null ? null : value / 1000);
    return [
      {
        title: t("charts.requests"),
        format: units.count,
        series: [
          { name: t("charts.all"), values: of((point) => point.requests) },
          { name: t("charts.errors"), values: of((point) => point.errors) },
        ],
      },
      {
        title: t("charts.tokens"),
        format: units.count,
        series: [
          { name: t("charts.read"), values: of((point) => point.prompt_tokens) },
          { name: t("charts.written"), values: of((point) => point.completion_tokens) },
        ],
      },
      {
        title: t("charts.latency"),
        format: units.seconds,
        series: [
          { name: t("charts.p50"), values: of((point) => seconds(point.duration_p50_ms)) },
          { name: t("charts.p95"), values: of((point) => seconds(point.duration_p95_ms)) },
        ],
      },
      {
        title: t("charts.firstByte"),
        format: units.seconds,
        series: [
          { name: t("charts.p50"), values: of((point) => seconds(point.first_byte_p50_ms)) },
          { name: t("charts.p95"), values: of((point) => seconds(point.first_byte_p95_ms)) },
        ],
      },
    ];
  }, [usage, t, units]);
  const times = useMemo(() => usage.data.map((point) => Date.parse(point.at) / 1000), [usage]);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      {charts.map((chart) => (
        <Chart key={chart.title} times={times} formatTime={formatTime} {...chart} />
      ))}
    </div>
  );
}
