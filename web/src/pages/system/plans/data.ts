import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { useMe } from "@/api/me";
import type { Schemas } from "@/api/client";

export type Plan = Schemas["PlanRead"];
export type Standing = Schemas["AssignmentStanding"];

/** Limits of a plan that are counts, in the order in which they are shown. */
export const COUNTS = ["requests_per_minute", "concurrent_tasks", "tasks_per_day", "cost_units_per_month"] as const;
export type Count = (typeof COUNTS)[number];

export const EXCEEDING = ["reject", "queue", "degrade"] as const;
export type Exceeding = (typeof EXCEEDING)[number];
const DEGRADE = "degrade_to_flow:";

/** What a plan does when there is no room, and by which flow. */
export function exceedingOf(onExceed: string): [Exceeding, string] {
  if (onExceed.startsWith(DEGRADE)) return ["degrade", onExceed.slice(DEGRADE.length)];
  return [onExceed === "queue" ? "queue" : "reject", ""];
}

export function onExceedOf(exceeding: Exceeding, flow: string): string {
  return exceeding === "degrade" ? `${DEGRADE}${flow.trim()}` : exceeding;
}

/** Ask anew for all that a change of plans may have touched. */
export function useRenewPlans(): () => Promise<void> {
  const queries = useQueryClient();
  return useCallback(async () => {
    const paths = ["/v1/quota-plans", "/v1/quota-assignments/standing"];
    await Promise.all(paths.map((path) => queries.invalidateQueries({ queryKey: [path] })));
  }, [queries]);
}

/** Whether whoever is signed in may change a plan: those that belong to no site are for admins. */
export function useMayChange(): (plan: Plan) => boolean {
  const admin = useMe().scopes.includes("admin");
  return (plan) => admin || plan.site_id !== null;
}
