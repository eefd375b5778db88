import { useMutation, useQuery } from "@tanstack/react-query";
import { RotateCcw, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { useMay } from "@/api/me";
import { Badge, Button, Progress, useToast } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew, type Job } from "../data";
import { isOpen, useFollowed } from "./useFollowed";

const KINDS = { queued: "neutral", running: "accent", waiting: "warn", completed: "good", failed: "bad", cancelled: "neutral" } as const;
/** A place in the queue changes by itself; it is asked for again after so many ms. */
const PLACE_MS = 5_000;

/** One download: how far it is, what it waits for, or how it ended. */
export function PullRow({ job }: { job: Job }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const now = useFollowed(job);
  const open = isOpen(now.state);
  const name = typeof job.input.model === "string" ? job.input.model : job.id;
  return (
    <li className="py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-56">
          <div className="flex flex-wrap items-center gap-2">
            <bdi className="font-medium break-all">{name}</bdi>
            <Badge kind={KINDS[now.state]}>{t(`jobs.${now.state}`)}</Badge>
          </div>
          <p className="text-sm text-muted">
            <time dateTime={job.created_at} title={format.time(job.created_at)}>
              {format.ago(job.created_at)}
            </time>
            {now.message && (
              <>
                {" · "}
                <bdi>{now.message}</bdi>
              </>
            )}
          </p>
          {now.state === "queued" && <Place jobId={job.id} />}
          <Outcome job={job} />
        </div>
        <Turn jobId={job.id} state={now.state} />
      </div>
      {open && (
        <div className="mt-2 flex items-center gap-3">
          <Progress className="flex-1" label={t("pulls.progress", { name })} share={now.progress} />
          <span className="w-12 text-end text-sm tabular-nums">{format.percent(now.progress)}</span>
        </div>
      )}
    </li>
  );
}

/** Where a queued job stands, and how long that takes as measured. */
function Place({ jobId }: { jobId: string }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const job = useQuery({ ...get("/v1/jobs/{job_id}", { params: { job_id: jobId } }), refetchInterval: PLACE_MS });
  if (job.data?.state !== "queued" || job.data.position === null) return null;
  const { position, expected_wait_s: wait } = job.data;
  return (
    <p className="text-sm">
      {t("pulls.position", { count: position })}
      {wait !== null && ` · ${t("pulls.wait", { span: format.duration(wait) })}`}
    </p>
  );
}

function Outcome({ job }: { job: Job }) {
  const { t } = useTranslation("models");
  const licence = (job.result as { licence?: unknown } | null)?.licence;
  if (job.state === "failed" && job.error) {
    return (
      <p dir="auto" className="text-sm break-words text-bad">
        {String(job.error.message)} <code>{String(job.error.code)}</code>
      </p>
    );
  }
  if (job.state !== "completed" || typeof licence !== "string") return null;
  return (
    <p className="text-sm text-muted">
      {t("pulls.licence")} <bdi>{licence}</bdi>
    </p>
  );
}

/** Stops it, or begins it again. */
function Turn({ jobId, state }: { jobId: string; state: Job["state"] }) {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const mayWrite = useMay("jobs:write");
  const toast = useToast();
  const renew = useRenew();
  const params = { job_id: jobId };
  const open = isOpen(state);
  const turning = useMutation({
    mutationFn: () =>
      open ? api.post("/v1/jobs/{job_id}/cancel", { params }) : api.post("/v1/jobs/{job_id}/retry", { params }),
    onSuccess: () => renew("/v1/jobs"),
    onError: toast.failed,
  });
  if (!mayWrite || state === "completed") return null;
  return (
    <Button size="small" icon={open ? X : RotateCcw} busy={turning.isPending} onClick={() => turning.mutate()}>
      {open ? t("pulls.stop") : frame("again")}
    </Button>
  );
}
