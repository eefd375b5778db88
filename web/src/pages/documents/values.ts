/** What an attribute of a file, or what it is compared with, may be. */
export type Value = string | number | boolean;

/** A value as somebody types it: numbers and truths are such, quotes make a text of them. */
export function readValue(typed: string): Value {
  const text = typed.trim();
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+(\.\d+)?$/.test(text) && Number.isFinite(Number(text))) return Number(text);
  const quoted = /^"(.*)"$/s.exec(text);
  return quoted ? (quoted[1] ?? "") : text;
}

/** The same the other way: what `readValue` would take for something else stands in quotes. */
export function writeValue(value: Value): string {
  if (typeof value !== "string") return String(value);
  return readValue(value) === value ? value : `"${value}"`;
}
