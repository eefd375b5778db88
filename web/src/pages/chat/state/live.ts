import { Splitter, type Block } from "../markdown/blocks";
import type { Citation } from "./shapes";

export interface LiveShown {
  closed: Block[];
  open: Block | null;
  /** Characters so far. */
  chars: number;
  citations: Citation[];
}

/** How long pieces are gathered while nobody looks: a hidden page draws no frames. */
const HIDDEN_MS = 500;

/** An answer while it is written. Its readers hear of it once a frame, however many pieces came. */
export class LiveAnswer {
  private splitter = new Splitter();
  private chars = 0;
  private citations: Citation[] = [];
  private listeners = new Set<() => void>();
  private shown: LiveShown = { closed: [], open: null, chars: 0, citations: [] };
  private waiting = false;

  constructor(prefix: string) {
    this.take(prefix);
  }

  take(text: string): void {
    if (!text) return;
    this.splitter.push(text);
    this.chars += text.length;
    this.schedule();
  }

  ground(citations: Citation[]): void {
    this.citations = citations;
    this.schedule();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): LiveShown => this.shown;

  private schedule(): void {
    if (this.waiting) return;
    this.waiting = true;
    if (document.hidden) setTimeout(this.publish, HIDDEN_MS);
    else requestAnimationFrame(this.publish);
  }

  private publish = (): void => {
    this.waiting = false;
    const { closed, open } = this.splitter;
    this.shown = { closed, open, chars: this.chars, citations: this.citations };
    for (const listener of this.listeners) listener();
  };
}
