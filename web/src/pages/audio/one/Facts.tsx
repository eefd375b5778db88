import { useTranslation } from "react-i18next";
import type { ReactNode } from "react";

import { Panel, Table } from "@/components";
import { useFormat } from "@/i18n/format";

import { clock, type Whole } from "../states";

/** What it took, how sure it is, what ran, and what came in. */
export function Facts({ recording }: { recording: Whole }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const { metrics } = recording;
  const figure = (value: number | null, show: (value: number) => string): string => (value === null ? "–" : show(value));
  const figures: [string, string, string][] = [
    ["rtf", figure(metrics.rtf, (value) => format.number(value, { maximumFractionDigits: 3 })), t("facts.rtfAbout")],
    ["length", figure(metrics.input_seconds, clock), ""],
    ["took", figure(metrics.processing_seconds, format.duration), ""],
    ["speech", figure(metrics.vad_coverage, (value) => format.percent(value)), t("facts.speechAbout")],
    ["confidence", figure(metrics.confidence, (value) => format.percent(value)), ""],
    ["edits", figure(metrics.edit_rate, (value) => format.percent(value, 1)), t("facts.editsAbout")],
  ];
  return (
    <div className="flex flex-col gap-4">
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        {figures.map(([name, value, about]) => (
          <div key={name} className="rounded-lg border border-line bg-surface p-3">
            <dt className="text-sm text-muted">{t(`facts.${name}`)}</dt>
            <dd className="text-xl font-semibold tabular-nums">{value}</dd>
            {about && <dd className="text-xs text-muted">{about}</dd>}
          </div>
        ))}
      </dl>
      <StageTable recording={recording} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Panel title={t("facts.versions")}>
          <Tree value={recording.versions} />
        </Panel>
        <div className="flex flex-col gap-4">
          <Panel title={t("facts.options")}>
            <Tree value={recording.options} />
          </Panel>
          {recording.sound && (
            <Panel title={t("facts.sound")}>
              <Tree value={recording.sound} />
            </Panel>
          )}
          <Panel title={t("facts.recording")}>
            <Tree value={origin(recording)} />
          </Panel>
        </div>
      </div>
    </div>
  );
}

function origin(recording: Whole): Record<string, unknown> {
  const { id, job_id, file_id, source, source_url, created_at, completed_at, user_id, app_id, metadata } = recording;
  return { id, job_id, file_id, source, source_url, created_at, completed_at, user_id, app_id, metadata };
}

function StageTable({ recording }: { recording: Whole }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const rows = Object.entries(recording.metrics.stages).filter(([name]) => name !== "total");
  if (rows.length === 0) return null;
  return (
    <Table
      caption={t("facts.stages")}
      rows={rows}
      rowKey={([name]) => name}
      columns={[
        { key: "stage", header: t("facts.stage"), cell: ([name]) => t(`stage.${name}`) },
        {
          key: "seconds",
          header: t("facts.took"),
          align: "end",
          cell: ([, one]) => (typeof one.seconds === "number" ? format.duration(one.seconds) : "–"),
        },
        {
          key: "rtf",
          header: t("facts.rtf"),
          align: "end",
          cell: ([, one]) => (typeof one.rtf === "number" ? format.number(one.rtf, { maximumFractionDigits: 4 }) : "–"),
        },
        {
          key: "more",
          header: t("facts.more"),
          secondary: true,
          cell: ([, one]) => (
            <code className="text-xs break-all text-muted">
              {Object.entries(one)
                .filter(([name]) => name !== "seconds" && name !== "rtf")
                .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
                .join(" ")}
            </code>
          ),
        },
      ]}
    />
  );
}

/** Names and values as the API tells them; what is empty is left out. */
function Tree({ value }: { value: Record<string, unknown> }) {
  const rows = Object.entries(value).filter(([, one]) => !isEmpty(one));
  return (
    <dl dir="ltr" className="flex flex-col gap-1 text-sm">
      {rows.map(([name, one]) => (
        <Branch key={name} name={name} value={one} />
      ))}
    </dl>
  );
}

function Branch({ name, value }: { name: string; value: unknown }): ReactNode {
  const nested = typeof value === "object" && value !== null && !Array.isArray(value);
  if (nested) {
    return (
      <div>
        <dt className="font-mono text-xs font-semibold">{name}</dt>
        <dd className="ms-2 border-s border-line ps-3">
          <Tree value={value as Record<string, unknown>} />
        </dd>
      </div>
    );
  }
  return (
    <div className="flex flex-wrap gap-x-3">
      <dt className="font-mono text-xs leading-5 text-muted">{name}</dt>
      <dd dir="auto" className="min-w-0 font-mono text-xs leading-5 break-all">
        {typeof value === "string" ? value : JSON.stringify(value)}
      </dd>
    </div>
  );
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}
