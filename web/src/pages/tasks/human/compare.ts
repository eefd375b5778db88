import { isRecord } from "@/components/schema/schema";

/** One place in which an answer differs from what was shown; undefined = it was not there. */
export interface Change {
  /** Names on the way to it; none = the whole. */
  path: string[];
  before: unknown;
  after: unknown;
}

/** A stretch of text that both have, or one of them. */
export interface Piece {
  kind: "same" | "gone" | "new";
  text: string;
}

const DEEPEST = 12;
/** Longer texts are shown whole, before and after: comparing them word by word takes the product of their lengths. */
const MOST_WORDS = 600;

/** The places in which two values differ, in the order of the first one. */
export function changesOf(before: unknown, after: unknown, path: string[] = []): Change[] {
  if (path.length < DEEPEST) {
    if (isRecord(before) && isRecord(after)) {
      const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
      return names.flatMap((name) => changesOf(before[name], after[name], [...path, name]));
    }
    if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
      return before.flatMap((one, number) => changesOf(one, after[number], [...path, String(number + 1)]));
    }
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
}

/** What became of a text, word by word; null = it is too long for that. */
export function wordsOf(before: string, after: string): Piece[] | null {
  const old = split(before);
  const news = split(after);
  if (old.length > MOST_WORDS || news.length > MOST_WORDS) return null;
  const common = commonLengths(old, news);
  const pieces: Piece[] = [];
  const add = (kind: Piece["kind"], text: string): void => {
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += text;
    else pieces.push({ kind, text });
  };
  let at = 0;
  let to = 0;
  while (at < old.length || to < news.length) {
    if (at < old.length && to < news.length && old[at] === news[to]) {
      add("same", old[at++]!);
      to += 1;
    } else if (to >= news.length || (at < old.length && common[at + 1]![to]! >= common[at]![to + 1]!)) add("gone", old[at++]!);
    else add("new", news[to++]!);
  }
  return pieces;
}

/** Words with the space behind them; of writing without spaces, each character. */
function split(text: string): string[] {
  return text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+\s*|\s+/gu) ?? [];
}

/** The length of the longest common sequence behind each pair of places. */
function commonLengths(one: string[], other: string[]): Uint16Array[] {
  const lengths = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1));
  for (let at = one.length - 1; at >= 0; at -= 1) {
    for (let to = other.length - 1; to >= 0; to -= 1) {
      lengths[at]![to] = one[at] === other[to] ? lengths[at + 1]![to + 1]! + 1 : Math.max(lengths[at + 1]![to]!, lengths[at]![to + 1]!);
    }
  }
  return lengths;
}
