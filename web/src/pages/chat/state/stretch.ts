import { api } from "@/api/client";

import type { Message } from "./shapes";

const PAGE = 200;

interface Side {
  /** The outermost place that is loaded from this side, towards the middle. */
  edge: number;
  cursor: string | null;
}

export interface Loaded {
  /** Messages by their depth. */
  messages: ReadonlyMap<number, Message>;
  /** Places of the conversation. */
  count: number;
  /** Whether a place has been loaded. */
  loaded: (depth: number) => boolean;
}

/**
 * The messages of the shown conversation by their depth, loaded from both of its ends towards the middle.
 *
 * A depth at which a loaded stretch has no message is one whose message was deleted.
 */
export class Stretch {
  private messages = new Map<number, Message>();
  private count = 0;
  /** From the end: everything at `edge` and behind it is loaded. */
  private tail: Side = { edge: 0, cursor: null };
  /** From the beginning: everything up to `edge` is loaded; null = nothing yet. */
  private head: Side | null = null;

  private told: Loaded | null = null;

  constructor(private readonly sessionId: string) {}

  /** What is there; the same object until something changes. */
  now(): Loaded {
    this.told ??= this.describe();
    return this.told;
  }

  private describe(): Loaded {
    const { edge } = this.tail;
    const headEdge = this.head?.edge ?? -1;
    return {
      messages: new Map(this.messages),
      count: this.count,
      loaded: (depth: number) => depth >= edge || depth <= headEdge,
    };
  }

  put(message: Message): void {
    this.messages.set(message.depth, message);
    this.count = Math.max(this.count, message.depth + 1);
    this.told = null;
  }

  drop(depth: number): void {
    this.messages.delete(depth);
    this.told = null;
  }

  /** Read the end anew, where another branch may be shown from some place on; what stands before it stays. */
  async reloadTail(fromDepth: number, limit: number): Promise<void> {
    const page = await this.page("desc", null, limit);
    const behind = this.count > 0 && this.tail.edge <= fromDepth ? this.tail : null;
    for (const depth of [...this.messages.keys()]) if (depth >= fromDepth) this.messages.delete(depth);
    for (const message of page.data) this.messages.set(message.depth, message);
    this.count = (page.data[0]?.depth ?? -1) + 1;
    const lowest = page.next_cursor === null ? 0 : (page.data.at(-1)?.depth ?? 0);
    // The older page's cursor reads the same messages as long as it begins before the place of the change.
    this.tail = behind && lowest <= fromDepth && behind.edge <= lowest ? behind : { edge: lowest, cursor: page.next_cursor };
    if (this.head && this.head.edge >= fromDepth) this.head = null;
    this.told = null;
  }

  /** Load one more page towards what is missing between two places; false = nothing is missing. */
  async fill(first: number, last: number): Promise<boolean> {
    const headEdge = this.head?.edge ?? -1;
    const from = Math.max(first, headEdge + 1, 0);
    const to = Math.min(last, this.tail.edge - 1);
    if (from > to) return false;
    if (from - headEdge < this.tail.edge - to) await this.forwards();
    else await this.backwards();
    this.told = null;
    return true;
  }

  private async forwards(): Promise<void> {
    const page = await this.page("asc", this.head?.cursor ?? null, PAGE);
    for (const message of page.data) this.messages.set(message.depth, message);
    const edge = page.next_cursor === null ? this.count - 1 : (page.data.at(-1)?.depth ?? this.count - 1);
    this.head = { edge, cursor: page.next_cursor };
  }

  private async backwards(): Promise<void> {
    const page = await this.page("desc", this.tail.cursor, PAGE);
    for (const message of page.data) this.messages.set(message.depth, message);
    const edge = page.next_cursor === null ? 0 : (page.data.at(-1)?.depth ?? 0);
    this.tail = { edge, cursor: page.next_cursor };
  }

  private page(order: "asc" | "desc", cursor: string | null, limit: number) {
    return api.get("/v1/sessions/{session_id}/messages", {
      params: { session_id: this.sessionId },
      query: { order, limit, cursor: cursor ?? undefined },
    });
  }
}
