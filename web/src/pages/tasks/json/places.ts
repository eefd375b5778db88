/** Where a value stands in a text: offsets of its first character and behind its last one. */
export interface Place {
  start: number;
  end: number;
}

export type Reading =
  | { ok: true; value: unknown; places: Map<string, Place> }
  /** `at` = offset of what should not be there, or the length of a text that ends too early. */
  | { ok: false; at: number };

/** Values inside of values that are read; the server takes no more either. */
const DEEPEST = 200;
const BLANK = /[ \t\n\r]*/y;
const STRING = /"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"/y;
const OTHER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Reads JSON and remembers where each value stands, by its JSON pointer; of what is no JSON where it stops to be. */
export function readJson(text: string): Reading {
  const places = new Map<string, Place>();
  try {
    const scan = new Scan(text, places);
    scan.value("", 0);
    scan.end();
  } catch (fault) {
    if (fault instanceof Stop) return { ok: false, at: fault.at };
    throw fault;
  }
  return { ok: true, value: JSON.parse(text) as unknown, places };
}

/** Where a pointer leads; of what is not there, where it would stand: the closest value round it. */
export function placeOf(pointer: string, places: Map<string, Place>): Place | undefined {
  for (let rest = pointer; ; rest = rest.slice(0, rest.lastIndexOf("/"))) {
    const found = places.get(rest);
    if (found || !rest.includes("/")) return found ?? places.get("");
  }
}

/** The line of an offset, from 1. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** A name as a part of a JSON pointer. */
export function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

class Stop extends Error {
  constructor(readonly at: number) {
    super(`no JSON at ${at}`);
  }
}

class Scan {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly places: Map<string, Place>,
  ) {}

  value(pointer: string, depth: number): void {
    this.take(BLANK);
    const start = this.at;
    const first = this.text[start];
    if (depth > DEEPEST) throw new Stop(start);
    if (first === "{") this.members(pointer, depth);
    else if (first === "[") this.items(pointer, depth);
    else if (!this.take(first === '"' ? STRING : OTHER)) throw new Stop(start);
    this.places.set(pointer, { start, end: this.at });
  }

  end(): void {
    this.take(BLANK);
    if (this.at < this.text.length) throw new Stop(this.at);
  }

  private members(pointer: string, depth: number): void {
    this.at += 1;
    if (this.closes("}")) return;
    do {
      this.take(BLANK);
      const start = this.at;
      if (!this.take(STRING)) throw new Stop(start);
      const name = JSON.parse(this.text.slice(start, this.at)) as string;
      this.need(":");
      this.value(`${pointer}/${escaped(name)}`, depth + 1);
    } while (this.goesOn("}"));
  }

  private items(pointer: string, depth: number): void {
    this.at += 1;
    if (this.closes("]")) return;
    let number = 0;
    do this.value(`${pointer}/${number++}`, depth + 1);
    while (this.goesOn("]"));
  }

  private closes(end: string): boolean {
    this.take(BLANK);
    if (this.text[this.at] !== end) return false;
    this.at += 1;
    return true;
  }

  private goesOn(end: string): boolean {
    if (this.closes(end)) return false;
    this.need(",");
    return true;
  }

  private need(mark: string): void {
    this.take(BLANK);
    if (this.text[this.at] !== mark) throw new Stop(this.at);
    this.at += 1;
  }

  private take(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}
