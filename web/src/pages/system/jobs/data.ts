import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";

import { address, api, get, type Schemas } from "@/api/client";
import { follow, type StreamEvent } from "@/api/events";
import { useMay, useMe } from "@/api/me";
import { useToast } from "@/components";

export type Job = Schemas["JobRead"];
export type JobState = Job["state"];

export const STATES = ["queued", "running", "waiting", "completed", "failed", "cancelled"] as const satisfies JobState[];
export const STATE_KINDS = {
  queued: "neutral",
  running: "accent",
  waiting: "warn",
  completed: "good",
  failed: "bad",
  cancelled: "neutral",
} as const;

/** A place in the queue changes without an event of the job's own; asked for again after so many ms. */
const PLACE_MS = 5_000;
/** Lists are asked for again at most this often, however much happens, in ms. */
const CALM_MS = 700;
/** Where there is no stream to follow, lists are asked for again after so many ms. */
export const POLL_MS = 4_000;

/** What the last event of a job told. */
export interface Told {
  job_id: string;
  kind: string;
  state: JobState;
  stage: string | null;
  progress: number;
  message: string;
  attempts: number;
  waiting_for?: string;
  error?: { code?: unknown; message?: unknown };
}

export interface JobEvent {
  id: string;
  type: string;
  at: string;
  data: Told;
}

/** Whether more will happen to it. */
export function isOpen(state: JobState): boolean {
  return state === "queued" || state === "running" || state === "waiting";
}

/** The event of a job, null when it is of something else. */
export function told(event: StreamEvent): JobEvent | null {
  if (!event.event.startsWith("job.")) return null;
  const { type, at, data } = JSON.parse(event.data) as { type: string; at: string; data: Told };
  return { id: event.id, type, at, data };
}

/** Ask for all that is known of jobs anew, now and then calmly: many changes in a row are one question. */
function useCalmRenewal(): () => void {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
    },
    [],
  );
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      for (const path of ["/v1/jobs", "/v1/jobs/stats"]) void queries.invalidateQueries({ queryKey: [path] });
    }, CALM_MS);
  }, [queries]);
}

/**
 * Follow all jobs of the tenant with one stream: what the last event of each told, by the job's id.
 *
 * `live` is false for keys that stand for one user or app, which get no such stream: they ask now and then.
 */
export function useSiteJobs(): { last: ReadonlyMap<string, Told>; live: boolean } {
  const me = useMe();
  const live = me.user_id === null && me.app_id === null;
  const renew = useCalmRenewal();
  const [last, setLast] = useState<ReadonlyMap<string, Told>>(new Map());
  useEffect(() => {
    if (!live) return;
    const end = new AbortController();
    follow({
      url: "/v1/events",
      signal: end.signal,
      onEvent: (event) => {
        const news = told(event);
        if (news === null) return;
        setLast((now) => new Map(now).set(news.data.job_id, news.data));
        if (news.type !== "job.progress") renew();
      },
    }).catch(() => undefined); // The list is asked for anew now and then as well.
    return () => end.abort();
  }, [live, renew]);
  return { last, live };
}

/** All that happened to one job, oldest first; of several reports of progress in a row only the last one. */
export function useJobEvents(jobId: string, open: boolean): JobEvent[] {
  const queries = useQueryClient();
  const [events, setEvents] = useState<JobEvent[]>([]);
  useEffect(() => {
    const end = new AbortController();
    setEvents([]);
    follow({
      url: address("/v1/jobs/{job_id}/events", { job_id: jobId }),
      signal: end.signal,
      onEvent: (event) => {
        const news = told(event);
        if (news === null) return;
        setEvents((now) => {
          const before = now.at(-1);
          const kept = news.type === "job.progress" && before?.type === "job.progress" ? now.slice(0, -1) : now;
          return [...kept, news];
        });
        if (news.type !== "job.progress") void queries.invalidateQueries({ queryKey: ["/v1/jobs/{job_id}"] });
      },
    }).catch(() => undefined); // What is known of the job is asked for anew now and then as well.
    return () => end.abort();
    // One that ended and is tried again goes on behind its end.
  }, [jobId, open, queries]);
  return events;
}

/** One job, asked for again while more will happen to it. */
export function useJob(jobId: string) {
  return useQuery({
    ...get("/v1/jobs/{job_id}", { params: { job_id: jobId } }),
    refetchInterval: (query) => (query.state.data && !isOpen(query.state.data.state) ? false : PLACE_MS),
  });
}

/** Stop a job, or begin it again. */
export function useTurn(jobId: string, state: JobState) {
  const queries = useQueryClient();
  const toast = useToast();
  const may = useMay("jobs:write");
  const params = { job_id: jobId };
  const open = isOpen(state);
  const turning = useMutation({
    mutationFn: () =>
      open ? api.post("/v1/jobs/{job_id}/cancel", { params }) : api.post("/v1/jobs/{job_id}/retry", { params }),
    onSuccess: () =>
      Promise.all(["/v1/jobs", "/v1/jobs/{job_id}"].map((path) => queries.invalidateQueries({ queryKey: [path] }))),
    onError: toast.failed,
  });
  return { offered: may && state !== "completed", open, turning };
}
