import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AudioLines, FolderInput, TextQuote } from "lucide-react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Progress, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { RecordingMenu } from "../RecordingMenu";
import { clock, isActive, type Recording } from "../states";
import { StatusBadge } from "../StatusBadge";
import type { JobTold } from "../useJobProgress";
import { useLanguageName } from "../useLanguageName";

/** Rows for which the place in the queue is asked: the next ones to come. */
const WAITS_SHOWN = 8;
const WAIT_AGAIN_MS = 5_000;

export function RecordingTable({ rows, told }: { rows: Recording[]; told: Map<string, JobTold> }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const nameOf = useLanguageName();
  const active = rows.filter(isActive);
  // The oldest are at the end, and go first.
  const asked = new Set(active.slice(-WAITS_SHOWN).map((one) => one.id));
  const columns: Column<Recording>[] = [
    { key: "title", header: t("columns.title"), cell: (row) => <Title row={row} /> },
    {
      key: "status",
      header: t("columns.status"),
      cell: (row) =>
        isActive(row) ? (
          <Going row={row} told={told.get(row.job_id)} ask={asked.has(row.id)} />
        ) : (
          <StatusBadge status={row.status} cancelled={row.stage === "cancelled"} />
        ),
    },
    {
      key: "duration",
      header: t("columns.duration"),
      align: "end",
      cell: (row) => (row.duration_s === null ? "–" : clock(row.duration_s)),
    },
    {
      key: "language",
      header: t("columns.language"),
      secondary: true,
      cell: (row) => (row.language ? nameOf(row.language) : "–"),
    },
    {
      key: "created",
      header: t("columns.created"),
      secondary: true,
      cell: (row) => (
        <time dateTime={row.created_at} title={format.time(row.created_at)} className="whitespace-nowrap text-muted">
          {format.ago(row.created_at)}
        </time>
      ),
    },
    {
      key: "menu",
      header: <span className="sr-only">{t("columns.menu")}</span>,
      align: "end",
      cell: (row) => <RecordingMenu recording={row} />,
    },
  ];
  return <Table caption={t("title")} columns={columns} rows={rows} rowKey={(row) => row.id} />;
}

function Title({ row }: { row: Recording }) {
  const { t } = useTranslation("audio");
  const Icon = row.source === "watch" ? FolderInput : row.kind === "text" ? TextQuote : AudioLines;
  const told = row.source === "watch" ? t("source.watch") : t(`kind.${row.kind}`);
  return (
    <div className="flex max-w-[38ch] min-w-32 items-center gap-2.5">
      <Icon role="img" aria-label={told} className="size-4.5 shrink-0 text-muted" />
      <Link
        to="/audio/$recordingId"
        params={{ recordingId: row.id } as never}
        dir="auto"
        className="match-parent line-clamp-2 font-medium break-words hover:underline"
      >
        {row.title || row.id}
      </Link>
    </div>
  );
}

/** A recording that is worked on: its stage and how far all is, or its place in the queue. */
function Going({ row, told, ask }: { row: Recording; told: JobTold | undefined; ask: boolean }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const status = useQuery({
    ...get("/v1/status/{task_id}", { params: { task_id: row.id } }),
    enabled: ask,
    refetchInterval: WAIT_AGAIN_MS,
  });
  const known = status.data;
  const waits = row.status === "PENDING" && (told === undefined || told.state === "queued");
  if (waits) {
    const place = known?.position;
    return (
      <div className="min-w-36">
        <StatusBadge status="PENDING" />
        {(place != null || known?.expected_wait_s != null) && (
          <p className="mt-1 text-muted">
            {known?.expected_wait_s != null
              ? t("wait.seconds", { span: format.duration(known.expected_wait_s) })
              : t("wait.position", { count: place ?? 0 })}
          </p>
        )}
      </div>
    );
  }
  const stage = told?.stage ?? row.stage;
  const share = Math.max(told?.progress ?? 0, known?.progress ?? 0);
  return (
    <div className="min-w-36">
      <div className="flex justify-between gap-3">
        <span>{t(`stage.${stage}`)}</span>
        <span className="text-muted tabular-nums">{format.percent(share)}</span>
      </div>
      <Progress label={t("progressOf", { title: row.title })} share={share} className="mt-1" />
    </div>
  );
}
