import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { follow, type StreamEvent } from "@/api/events";
import { useMay, useMe } from "@/api/me";

/** What the last event of a job told. */
export interface JobTold {
  job_id: string;
  kind: string;
  state: string;
  stage: string | null;
  progress: number;
  message: string;
}

const WHOLE = ["/v1/status/{task_id}", "/v1/jobs/{job_id}", "/v1/recordings/{recording_id}"];

function told(event: StreamEvent): JobTold | null {
  if (!event.event.startsWith("job.")) return null;
  return (JSON.parse(event.data) as { data: JobTold }).data;
}

/**
 * Follow one job as it goes; null until its first event came.
 *
 * With every change of its state or stage, what is known of the recording is asked for anew.
 */
export function useJobProgress(jobId: string, active: boolean): { last: JobTold | null; lost: boolean } {
  const queries = useQueryClient();
  const may = useMay("jobs:read");
  const [last, setLast] = useState<JobTold | null>(null);
  const [lost, setLost] = useState(false);
  useEffect(() => {
    if (!active || !may) return;
    const end = new AbortController();
    setLast(null);
    const refresh = (): void => {
      for (const path of WHOLE) void queries.invalidateQueries({ queryKey: [path] });
      void queries.invalidateQueries({ queryKey: ["segments"] });
    };
    follow({
      url: `/v1/jobs/${encodeURIComponent(jobId)}/events`,
      signal: end.signal,
      onState: (state) => setLost(state === "waiting"),
      onEvent: (event) => {
        const news = told(event);
        if (news === null) return;
        setLast(news);
        if (event.event !== "job.progress") refresh();
      },
    })
      .catch(() => undefined) // The page goes on asking for the state now and then.
      .finally(() => {
        if (end.signal.aborted) return;
        setLost(false);
        refresh();
      });
    return () => end.abort();
  }, [jobId, active, may, queries]);
  return { last, lost };
}

/**
 * Follow all recordings of the tenant with one stream: what the last event of each job told, by the job's id.
 *
 * Empty for keys that stand for one user or app, which get no such stream; the list is asked for anew instead.
 */
export function useSiteProgress(active: boolean): Map<string, JobTold> {
  const queries = useQueryClient();
  const me = useMe();
  const may = useMay("jobs:read") && me.user_id === null && me.app_id === null;
  const [jobs, setJobs] = useState<Map<string, JobTold>>(new Map());
  useEffect(() => {
    if (!active || !may) return;
    const end = new AbortController();
    follow({
      url: "/v1/events",
      signal: end.signal,
      onEvent: (event) => {
        const news = told(event);
        if (news === null || news.kind !== "recording.process") return;
        setJobs((now) => new Map(now).set(news.job_id, news));
        if (event.event !== "job.progress") void queries.invalidateQueries({ queryKey: ["/v1/recordings"] });
      },
    }).catch(() => undefined); // The list is asked for anew now and then as well.
    return () => end.abort();
  }, [active, may, queries]);
  return jobs;
}
