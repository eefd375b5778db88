import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Async, Field, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { RANGES, REMEMBERED_MINUTES, useHistory, useUsageSeries, type Range } from "./data";
import { MachineCharts } from "./MachineCharts";
import { UsageCharts } from "./UsageCharts";

/** What was asked, how long it took, and how busy the machine was, over time. */
export function Charts() {
  const { t } = useTranslation("system");
  const mayUsage = useMay("usage:read");
  const mayOps = useMay("ops");
  const [range, setRange] = useState<Range>(60);
  const history = useHistory(range, mayOps);
  const usage = useUsageSeries(range, mayUsage);
  const usageTime = useTimeFormat(range);
  const historyTime = useTimeFormat(Math.min(range, REMEMBERED_MINUTES));
  return (
    <section className="flex flex-col gap-4">
      <Field label={t("charts.range")} className="max-w-60">
        <Select
          value={String(range)}
          onChange={(value) => setRange(Number(value) as Range)}
          choices={RANGES.map((minutes) => ({ value: String(minutes), label: t(`charts.ranges.${minutes}`) }))}
        />
      </Field>
      {mayUsage && (
        <>
          <Async query={usage}>{(found) => <UsageCharts usage={found} formatTime={usageTime} />}</Async>
          <p className="text-sm text-muted">{t("charts.usageAbout")}</p>
        </>
      )}
      {mayOps && (
        <>
          <Async query={history}>{(found) => <MachineCharts history={found} formatTime={historyTime} />}</Async>
          <p className="text-sm text-muted">
            {range > REMEMBERED_MINUTES && `${t("charts.oneDay")} `}
            {t("charts.historyAbout")}
          </p>
        </>
      )}
    </section>
  );
}

/** How the times below a chart of so many minutes are written. */
function useTimeFormat(minutes: number): (unixS: number) => string {
  const { hour, date } = useFormat();
  const { i18n } = useTranslation();
  const short = minutes <= REMEMBERED_MINUTES;
  // The language is what it depends on: the functions of useFormat are new every time.
  return useCallback((unixS: number) => (short ? hour(unixS) : date(unixS)), [short, i18n.language]);
}
