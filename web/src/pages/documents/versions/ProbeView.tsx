import { useTranslation } from "react-i18next";

import { Progress } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Probe } from "./shapes";

/** What the collection's own questions found by the version that was searched, and by this one. */
export function ProbeView({ probe }: { probe: Probe }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const rows: [string, number | null][] = [
    [t("versions.before"), probe.before],
    [t("versions.after"), probe.after],
    [t("versions.wordsAlone"), probe.lexical],
  ];
  return (
    <div className="mt-3 rounded-md bg-sunken p-3 text-sm">
      <p className="mb-2 font-medium">
        {probe.questions > 0 ? t("versions.probe", { count: probe.questions }) : t("versions.noProbe")}
      </p>
      {probe.questions > 0 && (
        <dl className="grid grid-cols-[auto_minmax(3rem,16rem)_auto] items-center justify-start gap-x-3 gap-y-1">
          {rows.map(([name, value]) => (
            <div key={name} className="contents">
              <dt>{name}</dt>
              <dd>
                <Progress className="border border-line bg-surface" label={name} share={value ?? 0} kind={probe.passed ? "good" : "warn"} />
              </dd>
              <dd className="tabular-nums">{value === null ? "–" : format.percent(value, 1)}</dd>
            </div>
          ))}
        </dl>
      )}
      {probe.copied && (
        <p className="mt-2 text-muted">
          {t("versions.copied", {
            vectors: format.number(probe.copied.vectors),
            missing: format.number(probe.copied.missing),
            different: format.number(probe.copied.different),
          })}
        </p>
      )}
      {!probe.passed && <p className="mt-2 text-warn">{t("versions.worse")}</p>}
    </div>
  );
}
