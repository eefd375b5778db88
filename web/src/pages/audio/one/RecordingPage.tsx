import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft, Ellipsis, Pencil, RotateCw, Trash2, Wand } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import { ApiError } from "@/api/problem";
import { Async, Badge, Button, ErrorNotice, IconButton, Menu, PageBody, PageHeader } from "@/components";
import { Tabs } from "@/components/Tabs";
import { useFormat } from "@/i18n/format";

import { DeleteQuestion } from "../RecordingMenu";
import { clock, isActive, type Whole } from "../states";
import { StatusBadge } from "../StatusBadge";
import { useJobActions } from "../useJobActions";
import { useLanguageName } from "../useLanguageName";
import { ExportMenu } from "./ExportMenu";
import { Facts } from "./Facts";
import { PlaybackProvider, usePlayback } from "./playback";
import { Player } from "./Player";
import { RerunDialog, type RerunStage } from "./RerunDialog";
import { StageProgress } from "./StageProgress";
import { SummaryView } from "./SummaryView";
import { TitleEditor } from "./TitleEditor";
import { TranscriptTab } from "./TranscriptTab";
import { useSegments } from "./useSegments";

const AGAIN_MS = 5_000;

/** One recording: hear it, read along, correct it, take it away. */
export default function RecordingPage() {
  const { recordingId = "" } = useParams({ strict: false }) as { recordingId?: string };
  const recording = useQuery({
    ...get("/v1/recordings/{recording_id}", { params: { recording_id: recordingId } }),
    refetchInterval: (now) => (now.state.data && isActive(now.state.data) ? AGAIN_MS : false),
  });
  return (
    <PageBody>
      <Back />
      <Async query={recording}>{(whole) => <RecordingView key={whole.id} recording={whole} />}</Async>
    </PageBody>
  );
}

function Back() {
  const { t } = useTranslation("audio");
  return (
    <Link to="/audio" className="mb-2 inline-flex items-center gap-1.5 rounded-sm text-sm text-muted hover:text-ink">
      <ArrowLeft aria-hidden className="size-4 rtl:-scale-x-100" />
      {t("title")}
    </Link>
  );
}

function RecordingView({ recording }: { recording: Whole }) {
  const { t } = useTranslation("audio");
  const { at } = useSearch({ strict: false }) as { at?: number };
  const mayHear = useMay("files:read");
  const maySend = useMay("audio:write") && useMay("inference");
  const segments = useSegments(recording.id);
  const said = useMemo(() => segments.data ?? [], [segments.data]);
  const url = recording.file_id && mayHear ? `/v1/files/${encodeURIComponent(recording.file_id)}/content` : null;
  const playback = usePlayback(url);
  const [rerun, setRerun] = useState<RerunStage | null>(null);
  const corrected = said.filter((one) => one.heard !== null).length;
  useEffect(() => {
    if (playback && typeof at === "number") playback.seek(at);
  }, [playback, at]);
  const active = isActive(recording);
  return (
    <PlaybackProvider value={playback}>
      <Head recording={recording} onRerun={maySend && !active ? () => setRerun(recording.kind === "text" ? "clean" : "transcribe") : null} />
      <div className="flex flex-col gap-4">
        {active && <StageProgress recording={recording} />}
        {recording.status === "FAILED" && <Failure recording={recording} />}
        {recording.warnings.length > 0 && <Warnings warnings={recording.warnings} />}
        {url && playback && recording.duration_s !== null && (
          <Player url={url} durationS={recording.duration_s} stretches={said} />
        )}
        <Tabs
          label={t("parts.label")}
          tabs={[
            {
              value: "transcript",
              label: t("parts.transcript"),
              content: <TranscriptTab recording={recording} segments={segments} onRerun={maySend ? setRerun : null} />,
            },
            { value: "summary", label: t("parts.summary"), content: <SummaryView recording={recording} /> },
            { value: "facts", label: t("parts.facts"), content: <Facts recording={recording} /> },
          ]}
        />
      </div>
      {rerun && <RerunDialog recording={recording} stage={rerun} corrected={corrected} onClose={() => setRerun(null)} />}
    </PlaybackProvider>
  );
}

function Head({ recording, onRerun }: { recording: Whole; onRerun: (() => void) | null }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const nameOf = useLanguageName();
  const navigate = useNavigate();
  const mayWrite = useMay("audio:write");
  const [renaming, setRenaming] = useState(false);
  const [deleting, setDeleting] = useState(false);
  return (
    <>
      <PageHeader
        title={recording.title || recording.id}
        about={
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <StatusBadge status={recording.status} cancelled={recording.stage === "cancelled"} />
            {recording.duration_s !== null && <span className="tabular-nums">{clock(recording.duration_s)}</span>}
            {recording.language && <span>{nameOf(recording.language)}</span>}
            <time dateTime={recording.created_at}>{format.time(recording.created_at)}</time>
            {recording.metrics.rtf !== null && (
              <span className="tabular-nums">
                {t("facts.rtf")} {format.number(recording.metrics.rtf, { maximumFractionDigits: 2 })}
              </span>
            )}
          </span>
        }
        actions={
          <>
            {"transcribe" in recording.metrics.stages && <ExportMenu recording={recording} />}
            {onRerun && (
              <Button icon={Wand} onClick={onRerun}>
                {t("rerun.open")}
              </Button>
            )}
            {mayWrite && (
              <Menu
                label={t("actionsOf", { title: recording.title })}
                items={[
                  { label: t("rename"), icon: Pencil, onSelect: () => setRenaming(true) },
                  "line",
                  { label: t("frame:delete"), icon: Trash2, danger: true, onSelect: () => setDeleting(true) },
                ]}
                trigger={<IconButton icon={Ellipsis} look="plain" label={t("actionsOf", { title: recording.title })} />}
              />
            )}
          </>
        }
      />
      {renaming && <TitleEditor recording={recording} onClose={() => setRenaming(false)} />}
      <DeleteQuestion
        recording={recording}
        open={deleting}
        onOpenChange={setDeleting}
        onGone={() => void navigate({ to: "/audio" })}
      />
    </>
  );
}

/** Why it came to nothing; what its stages made before is there all the same. */
function Failure({ recording }: { recording: Whole }) {
  const { t } = useTranslation("audio");
  const { retry } = useJobActions();
  const mayRetry = useMay("jobs:write");
  const error = recording.error as { code?: string; message?: string } | null;
  const problem = new ApiError(0, error?.code ?? "failed", error?.message ?? t("status.FAILED"));
  return (
    <div className="flex flex-col gap-2">
      <ErrorNotice error={problem} />
      {mayRetry && (
        <div>
          <Button icon={RotateCw} onClick={() => void retry(recording)}>
            {t("retry")}
          </Button>
        </div>
      )}
    </div>
  );
}

function Warnings({ warnings }: { warnings: string[] }) {
  const { t } = useTranslation("audio");
  return (
    <details className="rounded-lg border border-line bg-warn-soft px-3 py-2">
      <summary className="cursor-pointer rounded-sm">
        <Badge kind="warn">{t("warnings", { count: warnings.length })}</Badge>
      </summary>
      <ul className="mt-2 list-disc ps-5">
        {warnings.map((text) => (
          <li key={text} dir="auto" className="break-words">
            {text}
          </li>
        ))}
      </ul>
    </details>
  );
}
