/** A piece of an answer that is drawn by itself, and drawn anew only when its own text changes. */
export interface Block {
  kind: "text" | "code" | "maths";
  text: string;
  /** Of code: what stands behind the fence. */
  language: string;
  /** Whether nothing more can come to it. */
  closed: boolean;
}

/** Longer paragraphs and lists are cut at the next line: what grows is parsed anew with each frame. */
const LONG_CHARS = 4_000;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const LIST_ITEM = /^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)/;
const TABLE_RULE = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const LONGEST_TABLE_ROWS = 100;

/**
 * Cuts Markdown into blocks as it grows; each character is looked at once.
 *
 * A block ends where Markdown is sure that nothing behind it changes it: at a blank line outside of a list, at a fence,
 * at displayed maths.
 */
export class Splitter {
  private done: Block[] = [];
  private lines: string[] = [];
  private chars = 0;
  private partial = "";
  private blank = false;
  private fence: { mark: string; language: string } | null = null;
  private maths: string | null = null;
  private innerFence: string | null = null;
  private tableHead: string[] | null = null;

  push(text: string): void {
    const pieces = (this.partial + text).split("\n");
    this.partial = pieces.pop() ?? "";
    for (const line of pieces) this.line(this.cutLong(line.endsWith("\r") ? line.slice(0, -1) : line));
    this.partial = this.cutLong(this.partial);
  }

  /** A line without an end is cut at a blank: its pieces are blocks of their own; answers what is left of it. */
  private cutLong(line: string): string {
    let rest = line;
    while (!this.fence && !this.maths && rest.length > LONG_CHARS) {
      const cut = rest.lastIndexOf(" ", LONG_CHARS);
      const at = cut > LONG_CHARS / 2 ? cut + 1 : LONG_CHARS;
      this.line(rest.slice(0, at));
      this.close();
      rest = rest.slice(at);
    }
    return rest;
  }

  /** What is finished; another array when something came to it. */
  get closed(): Block[] {
    return this.done;
  }

  /** What is still growing. */
  get open(): Block | null {
    const lines = this.partial ? [...this.lines, this.partial] : this.lines;
    if (this.fence) return { kind: "code", text: lines.join("\n"), language: this.fence.language, closed: false };
    if (this.maths) return { kind: "maths", text: lines.join("\n"), language: "", closed: false };
    if (lines.length === 0) return null;
    const fence = this.partial && this.startsBlock(this.partial) ? FENCE.exec(this.partial) : null;
    // A fence that is still being written is not shown as text for a moment.
    if (fence || /^ {0,3}`{1,2}$/.test(this.partial)) {
      return this.lines.length ? { kind: "text", text: this.lines.join("\n"), language: "", closed: false } : null;
    }
    return { kind: "text", text: lines.join("\n"), language: "", closed: false };
  }

  /** Nothing more comes. */
  end(): Block[] {
    if (this.partial) {
      const last = this.partial;
      this.partial = "";
      this.line(last);
    }
    if (this.fence) this.add("code", this.fence.language);
    else if (this.maths) this.add("maths");
    else this.close();
    return this.done;
  }

  private startsBlock(line: string): boolean {
    return !(this.inList() && /^\s{2,}/.test(line));
  }

  private inList(): boolean {
    return this.lines.length > 0 && LIST_ITEM.test(this.lines[0]!);
  }

  private line(line: string): void {
    if (this.fence) return this.codeLine(line);
    if (this.maths) return this.mathsLine(line);
    if (this.innerFence !== null) {
      if (line.trim().startsWith(this.innerFence)) this.innerFence = null;
      return this.keep(line);
    }
    if (line.trim() === "") {
      this.blank = this.lines.length > 0;
      if (this.blank && !this.inList()) this.close();
      else if (this.blank) this.keep("");
      return;
    }
    if (this.ends(line)) this.close();
    this.blank = false;
    const fence = FENCE.exec(line);
    if (fence && this.startsBlock(line)) {
      this.close();
      this.fence = { mark: fence[1]!, language: (fence[2] ?? "").trim().split(/\s+/)[0] ?? "" };
      return;
    }
    if (this.opensMaths(line)) return;
    const inner = /^\s*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})/.exec(line);
    if (inner && this.inList()) this.innerFence = inner[1]!;
    this.keep(line);
    this.limitTable(line);
  }

  /** Whether a line, which is not blank, cannot belong to what stands before it. */
  private ends(line: string): boolean {
    if (this.lines.length === 0) return false;
    if (this.inList()) {
      if (this.blank) return !/^\s{2,}/.test(line) && (!LIST_ITEM.test(line) || this.chars > LONG_CHARS);
      return this.chars > LONG_CHARS && LIST_ITEM.test(line);
    }
    return this.chars > LONG_CHARS && this.tableHead === null;
  }

  private codeLine(line: string): void {
    const { mark, language } = this.fence!;
    const bare = line.trim();
    if (bare.length >= mark.length && bare === mark[0]!.repeat(bare.length)) {
      this.fence = null;
      this.add("code", language);
    } else {
      this.lines.push(line);
    }
  }

  private opensMaths(line: string): boolean {
    const bare = line.trim();
    if (!this.startsBlock(line)) return false;
    const whole = /^(?:\$\$(.+)\$\$|\\\[(.+)\\\])$/.exec(bare);
    if (whole) {
      this.close();
      this.lines.push((whole[1] ?? whole[2])!);
      this.add("maths");
      return true;
    }
    if (bare !== "$$" && bare !== "\\[") return false;
    this.close();
    this.maths = bare === "$$" ? "$$" : "\\]";
    return true;
  }

  private mathsLine(line: string): void {
    const bare = line.trim();
    if (!bare.endsWith(this.maths!)) {
      this.lines.push(line);
      return;
    }
    this.lines.push(bare.slice(0, -this.maths!.length));
    this.maths = null;
    this.add("maths");
  }

  /** A long table goes on in another one with the same head. */
  private limitTable(line: string): void {
    if (this.tableHead === null) {
      if (this.lines.length === 2 && line.includes("|") && TABLE_RULE.test(line)) this.tableHead = [...this.lines];
      return;
    }
    if (this.lines.length < LONGEST_TABLE_ROWS) return;
    const head = this.tableHead;
    this.close();
    this.tableHead = head;
    this.lines = [...head];
  }

  private keep(line: string): void {
    this.lines.push(line);
    this.chars += line.length + 1;
  }

  private close(): void {
    // The head of a table that was cut, and none of whose rows came.
    const idle = this.tableHead !== null && this.done.length > 0 && this.lines.length === this.tableHead.length;
    while (this.lines.at(-1) === "") this.lines.pop();
    if (this.lines.length && !(idle && this.done.at(-1)?.text.startsWith(this.lines.join("\n")))) this.add("text");
    this.reset();
  }

  private add(kind: Block["kind"], language = ""): void {
    this.done = [...this.done, { kind, text: this.lines.join("\n"), language, closed: true }];
    this.reset();
  }

  private reset(): void {
    this.lines = [];
    this.chars = 0;
    this.blank = false;
    this.innerFence = null;
    this.tableHead = null;
  }
}

/** The blocks of a text that does not grow. */
export function blocksOf(text: string): Block[] {
  const splitter = new Splitter();
  splitter.push(text);
  return splitter.end();
}
