import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";

import { address, get, type Schemas } from "@/api/client";
import { follow } from "@/api/events";
import { useMe } from "@/api/me";

export type Task = Schemas["TaskRead"];
export type TaskState = Task["state"];
export type Trace = Schemas["TraceRead"];
export type Step = Trace["steps"][number];
export type Attempt = Step["attempts"][number];
export type Capability = Schemas["CapabilityRead"];
export type Import = Schemas["ImportRead"];
export type Webhook = Schemas["WebhookRead"];
export type WebhookMade = Schemas["WebhookMade"];
export type Delivery = Schemas["DeliveryRead"];
export type Asked = Schemas["HumanRequestRead"];
export type Flow = Schemas["FlowRead"];

export const STATES = [
  "scheduled",
  "queued",
  "running",
  "waiting",
  "completed",
  "failed",
  "dead",
  "cancelled",
] as const satisfies TaskState[];
export const STATE_KINDS = {
  scheduled: "neutral",
  queued: "neutral",
  running: "accent",
  waiting: "warn",
  completed: "good",
  failed: "bad",
  dead: "bad",
  cancelled: "neutral",
} as const;
export const ATTEMPT_KINDS = { started: "accent", ok: "good", failed: "bad", abandoned: "warn", late: "warn" } as const;
export const DELIVERY_KINDS = { pending: "accent", delivered: "good", failed: "bad", gone: "neutral" } as const;
export const ASKED_KINDS = {
  open: "accent",
  claimed: "warn",
  answered: "good",
  rejected: "bad",
  expired: "neutral",
  cancelled: "neutral",
} as const;

/** Lists are asked for again at most this often, however much happens, in ms. */
const CALM_MS = 500;
/** Where no stream tells of changes, lists are asked for again after so many ms. */
export const POLL_MS = 4_000;
/** A place in the queue changes without an event of the task's own; asked for again after so many ms. */
const PLACE_MS = 5_000;

/** Whether more will happen to it. */
export function isOpen(state: TaskState): boolean {
  return state === "scheduled" || state === "queued" || state === "running" || state === "waiting";
}

/** Ask for something anew, now and then calmly: many changes in a row are one question. */
function useCalmRenewal(...paths: string[]): () => void {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const asked = paths.join(" ");
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      for (const path of asked.split(" ")) void queries.invalidateQueries({ queryKey: [path] });
    }, CALM_MS);
  }, [queries, asked]);
}

/**
 * Ask for a list anew when something happens to what it lists.
 *
 * False for keys that stand for one user or app, which get no such stream: they ask now and then.
 */
function useLive(types: string, ...paths: string[]): boolean {
  const me = useMe();
  const live = me.user_id === null && me.app_id === null;
  const renew = useCalmRenewal(...paths);
  useEffect(() => {
    if (!live) return;
    const end = new AbortController();
    follow({ url: address("/v1/events", {}, { types }), signal: end.signal, onEvent: renew }).catch(() => undefined); // A filter asks for the list anew.
    return () => end.abort();
  }, [live, types, renew]);
  return live;
}

export const useLiveTasks = (): boolean => useLive("task.*", "/v1/tasks");
export const useLiveInbox = (): boolean => useLive("human.*", "/v1/human", "/v1/human/{request_id}");

/** One task, asked for again while more will happen to it. */
export function useTask(taskId: string) {
  return useQuery({
    ...get("/v1/tasks/{task_id}", { params: { task_id: taskId } }),
    refetchInterval: (query) => (query.state.data && !isOpen(query.state.data.state) ? false : PLACE_MS),
  });
}

/** Ask for a task and its trace anew whenever something happens to it, until it has ended. */
export function useFollowed(taskId: string, open: boolean): void {
  const renew = useCalmRenewal("/v1/tasks/{task_id}", "/v1/tasks/{task_id}/trace");
  useEffect(() => {
    if (!open) return;
    const end = new AbortController();
    follow({
      url: address("/v1/tasks/{task_id}/events", { task_id: taskId }),
      signal: end.signal,
      onEvent: renew,
    }).catch(() => undefined); // The task is asked for now and then as well.
    return () => end.abort();
  }, [taskId, open, renew]);
}

/** Ask anew for what a change may have touched. */
export function useRenew(): (...paths: string[]) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    async (...paths) => {
      await Promise.all(paths.map((path) => queries.invalidateQueries({ queryKey: [path] })));
    },
    [queries],
  );
}
