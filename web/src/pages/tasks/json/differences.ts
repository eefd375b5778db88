import { isRecord } from "@/components/schema/schema";

import { escaped } from "./places";

/** A part that is another: its JSON pointer, what it was and what it is; undefined = it is not there. */
export interface Difference {
  field: string;
  before: unknown;
  after: unknown;
}

/** What is other in `after` than in `before`: the smallest parts that say it all, in the order in which they stand there. */
export function differences(before: unknown, after: unknown, pointer = ""): Difference[] {
  if (isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(after), ...Object.keys(before)])];
    return names.flatMap((name) => differences(before[name], after[name], `${pointer}/${escaped(name)}`));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((one, number) => differences(one, after[number], `${pointer}/${number}`));
  }
  return same(before, after) ? [] : [{ field: pointer, before, after }];
}

function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, number) => same(item, other[number]));
  }
  if (isRecord(one) && isRecord(other)) return differences(one, other).length === 0;
  return one === other;
}
