import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Check, Circle, CircleStop, LoaderCircle, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import { Button, Progress } from "@/components";
import { useFormat } from "@/i18n/format";

import { isActive, stagesOf, type Whole } from "../states";
import { useJobActions } from "../useJobActions";
import { useJobProgress } from "../useJobProgress";

const AGAIN_MS = 5_000;

/** How a recording goes just now: its place in the queue, its stages, how far all is. */
export function StageProgress({ recording }: { recording: Whole }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const mayRead = useMay("jobs:read");
  const mayCancel = useMay("jobs:write");
  const { cancel } = useJobActions();
  const active = isActive(recording);
  const { last, lost } = useJobProgress(recording.job_id, active);
  const status = useQuery({
    ...get("/v1/status/{task_id}", { params: { task_id: recording.id } }),
    enabled: active,
    refetchInterval: AGAIN_MS,
  });
  const job = useQuery({
    ...get("/v1/jobs/{job_id}", { params: { job_id: recording.job_id } }),
    enabled: active && mayRead,
  });
  const share = Math.max(last?.progress ?? 0, status.data?.progress ?? 0);
  const queued = (last?.state ?? job.data?.state) === "queued";
  const message = lost ? t("reconnecting") : last?.message || status.data?.message || "";
  const states = new Map(job.data?.stages.map((stage) => [stage.name, stage]));
  const running = last?.stage ?? recording.stage;
  return (
    <section aria-label={t("progress")} className="rounded-lg border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-3">
        <div className="min-w-0 flex-1">
          <p className="font-medium">
            {queued || recording.status === "PENDING" ? t("status.PENDING") : t(`stage.${running}`)}
            <span className="ms-2 text-muted tabular-nums">{format.percent(share)}</span>
          </p>
          <p aria-live="polite" className="min-h-5 text-sm break-words text-muted">
            <Wait
              position={status.data?.position ?? null}
              waitS={status.data?.expected_wait_s ?? null}
              outside={job.data?.state === "waiting" ? job.data.waiting_for : null}
              message={message}
            />
          </p>
        </div>
        {mayCancel && (
          <Button icon={CircleStop} disabled={job.data?.cancel_requested} onClick={() => void cancel(recording)}>
            {job.data?.cancel_requested ? t("cancelling") : t("cancel")}
          </Button>
        )}
      </div>
      <Progress label={t("progressOf", { title: recording.title })} share={share} className="mt-2" />
      <ol className="mt-3 flex flex-wrap gap-x-5 gap-y-1.5 text-sm">
        {stagesOf(recording).map((name) => {
          const state = states.get(name)?.state ?? "pending";
          const tookS = states.get(name)?.duration_s;
          return (
            <li key={name} className={clsx("flex items-center gap-1.5", state === "pending" && "text-muted")}>
              <StageMark state={name === running && !queued ? "running" : state} />
              {t(`stage.${name}`)}
              {state === "completed" && tookS != null && <span className="text-muted tabular-nums">{format.duration(tookS)}</span>}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

interface WaitProps {
  /** Jobs before it. */
  position: number | null;
  waitS: number | null;
  /** What a job waits for that no executor does. */
  outside: string | null;
  message: string;
}

function Wait({ position, waitS, outside, message }: WaitProps) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const parts = [
    ...(position === null ? [] : [position === 0 ? t("wait.next") : t("wait.position", { count: position })]),
    ...(waitS === null ? [] : [t("wait.seconds", { span: format.duration(waitS) })]),
    ...(outside === null ? [] : [outside.startsWith("weights") ? t("wait.weights") : t("wait.outside", { what: outside })]),
    ...(message ? [message] : []),
  ];
  return <bdi>{parts.join(" · ")}</bdi>;
}

function StageMark({ state }: { state: string }) {
  if (state === "completed") return <Check aria-hidden className="size-4 text-good" />;
  if (state === "running") return <LoaderCircle aria-hidden className="size-4 animate-spin text-accent" />;
  if (state === "failed") return <X aria-hidden className="size-4 text-bad" />;
  return <Circle aria-hidden className="size-4" />;
}
