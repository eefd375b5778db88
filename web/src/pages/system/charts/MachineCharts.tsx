import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { Chart } from "./Chart";
import { membersOf, shareOf, timesOf, valuesOf, type History } from "./data";
import { useUnits } from "./useUnits";

const STATES = ["running", "queued", "waiting"] as const;

/** How busy and how full the machine was, and what waited. */
export function MachineCharts({ history, formatTime }: { history: History; formatTime: (unixS: number) => string }) {
  const { t } = useTranslation("system");
  const units = useUnits();
  const charts = useMemo(() => {
    const shares = (values: (number | null)[]): (number | null)[] => values.map((value) => (value === null ? null : value / 100));
    const deviceName = (id: string): string => (id === "cpu" ? t("overview.memory") : id);
    return [
      {
        title: t("charts.busy"),
        format: units.percent,
        most: 1,
        series: [
          { name: t("overview.processor"), values: shares(valuesOf(history, "cpu_percent")) },
          ...membersOf(history, "utilization_percent").map((id) => ({
            name: id,
            values: shares(valuesOf(history, "utilization_percent", id)),
          })),
        ],
      },
      {
        title: t("charts.memory"),
        format: units.percent,
        most: 1,
        series: membersOf(history, "memory_used_mib").map((id) => ({
          name: deviceName(id),
          values: shareOf(valuesOf(history, "memory_used_mib", id), valuesOf(history, "memory_total_mib", id)),
        })),
      },
      {
        title: t("charts.jobs"),
        format: units.count,
        series: STATES.map((state) => ({ name: t(`jobs.states.${state}`), values: valuesOf(history, "jobs", state) })),
      },
      {
        title: t("charts.inFlight"),
        format: units.count,
        series: [{ name: t("charts.inFlight"), values: valuesOf(history, "requests_in_flight") }],
      },
      {
        title: t("charts.disk"),
        format: units.mib,
        series: [
          { name: t("charts.used"), values: valuesOf(history, "disk_used_mib") },
          { name: t("charts.whole"), values: valuesOf(history, "disk_total_mib") },
        ],
      },
      {
        title: t("charts.process"),
        format: units.mib,
        series: [{ name: t("charts.used"), values: valuesOf(history, "process_memory_mib") }],
      },
    ];
  }, [history, t, units]);
  const times = useMemo(() => timesOf(history), [history]);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      {charts.map((chart) => (
        <Chart key={chart.title} times={times} formatTime={formatTime} {...chart} />
      ))}
    </div>
  );
}
