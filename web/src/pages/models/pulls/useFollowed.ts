import { useEffect, useState } from "react";

import { address } from "@/api/client";
import { follow, type StreamEvent } from "@/api/events";
import { useToast } from "@/components";

import { useRenew, type Job } from "../data";

/** What changes of a job while it goes on. */
export type Moment = Pick<Job, "state" | "progress" | "message">;

/** A job as its events tell it, from the list's word until its end; then the lists are asked anew. */
export function useFollowed(job: Job): Moment {
  const renew = useRenew();
  const { failed } = useToast();
  const [told, setTold] = useState<Moment | null>(null);
  const goesOn = isOpen(job.state);
  useEffect(() => {
    if (!goesOn) return;
    const stop = new AbortController();
    const onEvent = (event: StreamEvent): void => {
      const { data } = JSON.parse(event.data) as { data: Partial<Moment> };
      if (data.state) setTold({ state: data.state, progress: data.progress ?? 0, message: data.message ?? "" });
    };
    const read = async (): Promise<void> => {
      // Without a last event of its own: one that failed and was tried again goes on behind its failure. The server ends it.
      await follow({ url: address("/v1/jobs/{job_id}/events", { job_id: job.id }), signal: stop.signal, onEvent });
      if (!stop.signal.aborted) await renew("/v1/jobs", "/v1/models");
    };
    read().catch(failed);
    return () => stop.abort();
  }, [job.id, goesOn, renew, failed]);
  return goesOn && told ? told : job;
}

/** Whether more will happen to it. */
export function isOpen(state: Job["state"]): boolean {
  return state === "queued" || state === "running" || state === "waiting";
}
