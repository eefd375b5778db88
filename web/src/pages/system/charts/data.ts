import { useQuery } from "@tanstack/react-query";

import { api, type Schemas } from "@/api/client";

export type History = Schemas["SystemHistory"];
export type UsageSeries = Schemas["UsageSeries"];

/** Spans that one can look at, in minutes. */
export const RANGES = [60, 360, 1440, 10_080, 43_200] as const;
export type Range = (typeof RANGES)[number];

/** The server remembers how the machine was for so long. */
export const REMEMBERED_MINUTES = 1440;

/** How often a span is looked at again, in ms: a day changes little in ten seconds. */
function every(range: Range): number {
  return range <= 360 ? 10_000 : 60_000;
}

/** How the machine was. */
export function useHistory(range: Range, enabled: boolean) {
  const minutes = Math.min(range, REMEMBERED_MINUTES);
  return useQuery({
    queryKey: ["/v1/system/history", minutes],
    queryFn: ({ signal }) => api.get("/v1/system/history", { query: { minutes }, signal }),
    refetchInterval: every(range),
    placeholderData: (before) => before,
    enabled,
  });
}

/** What was used, up to now. */
export function useUsageSeries(range: Range, enabled: boolean) {
  return useQuery({
    queryKey: ["/v1/usage/series", range],
    queryFn: ({ signal }) => {
      const from = new Date(Date.now() - range * 60_000).toISOString();
      return api.get("/v1/usage/series", { query: { from }, signal });
    },
    refetchInterval: every(range),
    placeholderData: (before) => before,
    enabled,
  });
}

/** When each span of a history begins, in Unix seconds. */
export function timesOf(history: History): number[] {
  const first = Date.parse(history.from) / 1000;
  const count = history.series[0]?.values.length ?? 0;
  return Array.from({ length: count }, (_, place) => first + place * history.step_s);
}

/** The values of one series, null where there is none. */
export function valuesOf(history: History, name: string, of: string | null = null): (number | null)[] {
  return history.series.find((one) => one.name === name && one.of === of)?.values ?? [];
}

/** What a series of that name is measured of. */
export function membersOf(history: History, name: string): string[] {
  return history.series.flatMap((one) => (one.name === name && one.of !== null ? [one.of] : []));
}

/** One series as a share of another, 0 to 1. */
export function shareOf(used: (number | null)[], whole: (number | null)[]): (number | null)[] {
  return used.map((value, place) => {
    const all = whole[place] ?? null;
    return value === null || all === null || all === 0 ? null : value / all;
  });
}
