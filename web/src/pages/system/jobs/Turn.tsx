import { RotateCcw, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button } from "@/components";

import { useTurn, type Job } from "./data";

/** Stops a job, or begins it again. */
export function Turn({ job }: { job: Job }) {
  const { t } = useTranslation("system");
  const { offered, open, turning } = useTurn(job.id, job.state);
  if (!offered) return null;
  const word = open ? t("jobs.cancel") : t("jobs.retry");
  return (
    <Button
      size="small"
      icon={open ? X : RotateCcw}
      busy={turning.isPending}
      disabled={open && job.cancel_requested}
      aria-label={t("jobs.turn", { word, kind: job.kind, id: job.id })}
      onClick={() => turning.mutate()}
    >
      {word}
    </Button>
  );
}
