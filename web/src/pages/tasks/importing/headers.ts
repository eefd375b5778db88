/** A secret header as it is typed. */
export interface HeaderRow {
  name: string;
  value: string;
}

/** Headers that were typed; undefined = none were, and those that are there stay. */
export function headersOf(rows: HeaderRow[]): Record<string, string> | undefined {
  const named = rows.filter((row) => row.name.trim() !== "");
  return named.length === 0 ? undefined : Object.fromEntries(named.map((row) => [row.name.trim(), row.value]));
}
