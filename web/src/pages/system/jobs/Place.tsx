import { useTranslation } from "react-i18next";

import { useFormat } from "@/i18n/format";

import { useJob, type Job } from "./data";

/** Where a queued job stands, and how long that takes as measured. */
export function Place({ jobId }: { jobId: string }) {
  const job = useJob(jobId);
  return job.data ? <PlaceOf job={job.data} /> : null;
}

export function PlaceOf({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  if (job.state !== "queued" || job.position === null) return null;
  return (
    <p className="text-xs text-muted">
      {job.position === 0 ? t("jobs.next") : t("jobs.position", { count: job.position })}
      {job.expected_wait_s !== null && ` · ${t("jobs.wait", { span: format.duration(job.expected_wait_s) })}`}
    </p>
  );
}
