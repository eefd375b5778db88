import { api, type Schemas } from "@/api/client";

export type Group = Schemas["UsageGroup"];
export type Budget = Schemas["BudgetUse"];

export const GROUPINGS = ["site", "user", "app", "key", "model", "day"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export const RANGES = ["today", "week", "month", "days30", "days90", "own"] as const;
export type Range = (typeof RANGES)[number];

export interface Wish {
  range: Range;
  /** Of the range `own`: days as YYYY-MM-DD; "" = not chosen. */
  from: string;
  to: string;
  group: Grouping;
  /** Narrowed to one of these; "" = all. */
  site: string;
  key: string;
}

const DAY_MS = 86_400_000;

/** The first moment and the one after the last, as the server counts days and months: in UTC. Undefined = not chosen. */
export function spanOf({ range, from, to }: Wish, now = new Date()): { from?: string; to?: string } {
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const at = (ms: number): string => new Date(ms).toISOString();
  if (range === "own") return { from: from || undefined, to: to ? at(Date.parse(to) + DAY_MS) : undefined };
  if (range === "month") return { from: at(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)) };
  const days = { today: 0, week: 6, days30: 29, days90: 89 }[range];
  return { from: at(today - days * DAY_MS) };
}

export function queryOf(wish: Wish) {
  return { group_by: wish.group, site_id: wish.site || undefined, key_id: wish.key || undefined, ...spanOf(wish) };
}

const COLUMNS = [
  "group",
  "requests",
  "errors",
  "cache_hits",
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "audio_s",
  "cost_usd",
] as const satisfies (keyof Group)[];
const MOST_PER_PAGE = 200;

/** All groups, however many pages they fill, as CSV (RFC 4180). */
export async function csvOf(wish: Wish): Promise<string> {
  const lines = [[wish.group, ...COLUMNS.slice(1)].join(",")];
  let cursor: string | null = null;
  do {
    const page: Schemas["UsageList"] = await api.get("/v1/usage", { query: { ...queryOf(wish), limit: MOST_PER_PAGE, cursor } });
    for (const group of page.data) lines.push(COLUMNS.map((name) => cell(group[name])).join(","));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return `${lines.join("\r\n")}\r\n`;
}

function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  // A spreadsheet would take it for a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Have the browser keep a text as a file. */
export function keep(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
