import { useNavigate, useSearch } from "@tanstack/react-router";

/** What the list shows, kept in the address: one can go back to it, and send it to somebody. */
export interface Filters {
  q?: string;
  status?: string;
  kind?: string;
  source?: string;
  language?: string;
  /** Days back from now. */
  days?: string;
}

const NAMES: (keyof Filters)[] = ["q", "status", "kind", "source", "language", "days"];

export function useFilters(): [Filters, (news: Partial<Filters>) => void] {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const filters: Filters = {};
  for (const name of NAMES) {
    const value = search[name];
    // The router reads "7" out of an address as a number.
    if (typeof value === "string" || typeof value === "number") filters[name] = String(value);
  }
  const change = (news: Partial<Filters>): void => {
    const next: Filters = { ...filters, ...news };
    const kept = Object.fromEntries(Object.entries(next).filter(([, value]) => value));
    void navigate({ to: "/audio", search: kept as never, replace: true });
  };
  return [filters, change];
}
