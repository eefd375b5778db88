import { send } from "./client";
import { ApiError, asApiError } from "./problem";

/** One event of a stream (WHATWG HTML, Server-sent events). */
export interface StreamEvent {
  /** Id to go on behind; "" until the stream names one. */
  id: string;
  /** Its name; "message" when it has none. */
  event: string;
  data: string;
}

/** Cuts the text of an event stream into events, wherever its pieces were cut. */
export class EventParser {
  private rest = "";
  private data: string[] = [];
  private name = "";
  private id = "";
  /** The wait before the next try that the stream asked for, in ms. */
  retryMs: number | null = null;

  push(text: string): StreamEvent[] {
    const found: StreamEvent[] = [];
    const whole = this.rest + text;
    // A CR at the very end may be the first half of CR LF.
    const safe = whole.endsWith("\r") ? whole.length - 1 : whole.length;
    const lines = whole.slice(0, safe).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + whole.slice(safe);
    for (const line of lines) {
      if (line === "") {
        if (this.data.length) found.push({ id: this.id, event: this.name || "message", data: this.data.join("\n") });
        this.data = [];
        this.name = "";
      } else {
        this.field(line);
      }
    }
    return found;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.name = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}

/** The events of one answer, until it ends: for a stream that a POST began. Throws ApiError when it breaks off. */
export async function* readEvents(response: Response): AsyncGenerator<StreamEvent> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    // Also when the reader of this generator leaves early: the server hears that nobody listens.
    await reader.cancel().catch(() => undefined);
  }
}

export interface Following {
  /** Path with its query. */
  url: string;
  signal: AbortSignal;
  onEvent: (event: StreamEvent) => void;
  /** Go on behind this event; undefined = what the server sends to a newcomer. */
  lastEventId?: string;
  /** Says whether an event is the stream's last: the connection's end behind it is no break. */
  isLast?: (event: StreamEvent) => boolean;
  /** Told when the connection was lost and is tried again, and when it is there again. */
  onState?: (state: "open" | "waiting") => void;
  /** Breaks in a row after which it gives up; each event that arrives starts the count anew. */
  tries?: number;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** Three heartbeats of the server (events.heartbeat_s, 15 s): a silence that long is a dead connection. */
const SILENCE_MS = 45_000;

/**
 * Follow a stream of events without gap or repetition: after a break it goes on with Last-Event-ID.
 *
 * Resolves after the last event, when the server says that there is no more (204), or when `signal` aborts. Throws
 * ApiError for what another try cannot mend (4xx but 408 and 429), or when every try failed.
 */
export async function follow(following: Following): Promise<void> {
  const { signal, isLast = () => false, onState = () => undefined, tries = Infinity } = following;
  let lastId = following.lastEventId;
  let failures = 0;
  let askedMs: number | null = null;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (lastId !== undefined) headers["last-event-id"] = lastId;
      const alive = new AbortController();
      const stop = (): void => alive.abort();
      signal.addEventListener("abort", stop, { once: true });
      try {
        const response = await send("get", following.url, { headers, signal: alive.signal, cache: "no-store" });
        if (response.status === 204) return;
        onState("open");
        for await (const event of awake(response, alive, (ms) => (askedMs = ms))) {
          failures = 0;
          if (event.id) lastId = event.id;
          following.onEvent(event);
          if (isLast(event)) return;
        }
      } finally {
        signal.removeEventListener("abort", stop);
        alive.abort();
      }
    } catch (error) {
      if (signal.aborted) return;
      const problem = asApiError(error);
      const hopeless = problem.status >= 400 && problem.status < 500 && ![408, 429].includes(problem.status);
      if (hopeless) throw problem;
      if (problem.retryAfterS !== null) askedMs = problem.retryAfterS * 1000;
      if (failures + 1 >= tries) throw problem;
    }
    if (signal.aborted) return;
    failures += 1;
    if (failures >= tries) throw new ApiError(0, "unreachable", "The stream ended before its time.");
    onState("waiting");
    await pause(askedMs ?? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)), signal);
    askedMs = null;
  }
}

/** The events of an answer, whose connection is ended when it was silent for too long. */
async function* awake(
  response: Response,
  alive: AbortController,
  asked: (ms: number) => void,
): AsyncGenerator<StreamEvent> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (;;) {
    const timer = setTimeout(() => alive.abort(), SILENCE_MS);
    let piece;
    try {
      piece = await reader.read();
    } finally {
      clearTimeout(timer);
    }
    if (piece.done) return;
    yield* parser.push(piece.value);
    if (parser.retryMs !== null) asked(parser.retryMs);
  }
}

/** Wait, unless `signal` ends it; a machine that comes back online does not wait any longer. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    window.addEventListener("online", done);
  });
}
