import { useEffect, useRef, useState } from "react";

import { follow } from "@/api/events";
import { may, useMe } from "@/api/me";

import { useRefresh } from "../data";

/** What a job that takes a file in just said of itself. */
export interface Step {
  state: string;
  stage: string | null;
  /** Of all stages, 0..1. */
  progress: number;
}

interface Told {
  data: { job_id?: string; kind?: string; state?: string; stage?: string | null; progress?: number };
}

const SHOW_MS = 200;
const REFRESH_MS = 500;
const ENDS = new Set(["job.completed", "job.failed", "job.cancelled"]);

/**
 * How far the jobs of a collection are, as they tell it themselves; files are read again when one ends.
 *
 * One stream for all of them: a browser has six connections. `followed` is false where the key may not follow a whole
 * tenant: then the list looks by itself, more often.
 */
export function useIngestion(storeId: string, active: boolean): { steps: ReadonlyMap<string, Step>; followed: boolean } {
  const me = useMe();
  const refresh = useRefresh();
  const allowed = may(me, "jobs:read") && me.user_id === null && me.app_id === null;
  const [followed, setFollowed] = useState(false);
  const [steps, setSteps] = useState<ReadonlyMap<string, Step>>(new Map());
  const told = useRef(new Map<string, Step>());
  useEffect(() => {
    if (!active || !allowed) return;
    const stop = new AbortController();
    const timers = new Map<string, ReturnType<typeof setTimeout>>();
    const soon = (what: string, ms: number, act: () => void): void => {
      if (timers.has(what)) return;
      timers.set(
        what,
        setTimeout(() => {
          timers.delete(what);
          act();
        }, ms),
      );
    };
    void follow({
      url: "/v1/events",
      signal: stop.signal,
      onState: (state) => setFollowed(state === "open"),
      onEvent: ({ event, data }) => {
        if (!event.startsWith("job.")) return;
        const { job_id, kind, state = "", stage = null, progress = 0 } = (JSON.parse(data) as Told).data;
        if (job_id === undefined || kind !== "document.ingest") return;
        if (ENDS.has(event)) {
          soon("refresh", REFRESH_MS, () => void refresh(storeId));
          return;
        }
        told.current.set(job_id, { state, stage, progress });
        soon("show", SHOW_MS, () => setSteps(new Map(told.current)));
      },
    }).catch(() => setFollowed(false));
    return () => {
      stop.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      setFollowed(false);
    };
  }, [active, allowed, refresh, storeId]);
  return { steps, followed };
}
