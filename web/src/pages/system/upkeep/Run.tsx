import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "@/api/client";
import { Async, Badge, Progress } from "@/components";
import { useFormat } from "@/i18n/format";

import { isOpen, STATE_KINDS, useJob, useJobEvents, type Job } from "../jobs/data";
import { PlaceOf } from "../jobs/Place";
import { KeptList, Sums } from "./Plan";

interface Result {
  count: number;
  size_bytes: number;
  kinds: Schemas["KindSum"][];
  kept: Schemas["Kept"][];
}

/** A clean-up as it goes, and what came of it. */
export function Run({ jobId }: { jobId: string }) {
  const job = useJob(jobId);
  return (
    <div className="mt-4 border-t border-line pt-4" aria-live="polite">
      <Async query={job}>{(found) => <Going job={found} />}</Async>
    </div>
  );
}

function Going({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const queries = useQueryClient();
  const open = isOpen(job.state);
  const last = useJobEvents(job.id, open).at(-1)?.data;
  useEffect(() => {
    if (!open) void queries.invalidateQueries({ queryKey: ["/v1/system/disk"] });
  }, [open, queries]);
  const result = job.state === "completed" ? (job.result as Result) : null;
  return (
    <div className="flex flex-col gap-3">
      <p className="flex flex-wrap items-center gap-2">
        <Badge kind={STATE_KINDS[job.state]}>{t(`jobs.states.${job.state}`)}</Badge>
        {result && t("upkeep.went", { count: result.count, size: format.bytes(result.size_bytes) })}
      </p>
      <PlaceOf job={job} />
      {open && <Progress label={t("upkeep.clean")} share={last?.progress ?? job.progress} />}
      {job.error && (
        <p dir="auto" className="text-sm break-words text-bad">
          {String(job.error.message)} <code>{String(job.error.code)}</code>
        </p>
      )}
      {result && result.count > 0 && <Sums caption={t("upkeep.byKind")} sums={result.kinds} />}
      {result && <KeptList kept={result.kept} />}
    </div>
  );
}
