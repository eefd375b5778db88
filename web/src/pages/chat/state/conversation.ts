import { address, api, send } from "@/api/client";
import { follow, type StreamEvent } from "@/api/events";
import { asApiError, type ApiError } from "@/api/problem";

import { LiveAnswer } from "./live";
import { Stretch } from "./stretch";
import type { Citation, Generation, Message, Session } from "./shapes";

const LAST = new Set(["generation.completed", "generation.stopped", "generation.failed", "generation.interrupted"]);
const FIRST_PAGE = 40;
const TRIES = 3;
const AGAIN_MS = 700;

export interface Live {
  generationId: string;
  messageId: string;
  answer: LiveAnswer;
  stopping: boolean;
  /** Whether its connection is lost and tried again. */
  waiting: boolean;
}

export interface Shown {
  session: Session | null;
  /** Places of the shown conversation: messages by their depth; one that is not there is not loaded, or deleted. */
  messages: ReadonlyMap<number, Message>;
  count: number;
  /** Whether a place has been loaded. */
  loaded: (depth: number) => boolean;
  live: Live | null;
  /** Why the conversation cannot be shown. */
  error: ApiError | null;
  ready: boolean;
  /** What was asked and is not yet on the server's disk. */
  sending: boolean;
}

export interface Asked {
  content: string;
  attachments: string[];
}

/** One session as it is shown: its messages, as far as they are loaded, and the answer that is being written. */
export class Conversation {
  private shown: Shown;
  private listeners = new Set<() => void>();
  private stretch: Stretch;
  private starting: Promise<void> | null = null;
  private filling = false;
  private closed = new AbortController();

  constructor(
    readonly id: string,
    /** Told of each change of the session, for lists of them. */
    private readonly onSession: (session: Session) => void,
  ) {
    this.stretch = new Stretch(id);
    this.shown = {
      session: null,
      messages: new Map(),
      count: 0,
      loaded: () => false,
      live: null,
      error: null,
      ready: false,
      sending: false,
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): Shown => this.shown;

  /** Whether an answer is being followed. */
  get busy(): boolean {
    return this.shown.live !== null || this.shown.sending;
  }

  /** Load the end of the conversation, and go on with the answer that is being written; once. */
  start(): Promise<void> {
    this.starting ??= this.reload();
    return this.starting;
  }

  /** Ask the server anew what is there. */
  async reload(): Promise<void> {
    try {
      const [session] = await Promise.all([
        api.get("/v1/sessions/{session_id}", { params: { session_id: this.id } }),
        this.stretch.reloadTail(0, FIRST_PAGE),
      ]);
      this.tell({ session, error: null, ready: true });
      this.onSession(session);
      await this.join();
    } catch (error) {
      this.tell({ error: asApiError(error), ready: true });
      this.starting = null;
    }
  }

  /** What others may have changed since: looked at when the page is looked at again. */
  async refresh(): Promise<void> {
    if (!this.shown.session || this.busy) return;
    const session = await api.get("/v1/sessions/{session_id}", { params: { session_id: this.id } });
    if (session.version !== this.shown.session.version && !this.busy) await this.reload();
  }

  end(): void {
    this.closed.abort();
  }

  /** Load what is missing between two places; one page after the other until all is there. */
  async need(first: number, last: number): Promise<void> {
    if (this.filling || !this.shown.ready) return;
    this.filling = true;
    try {
      while (!this.closed.signal.aborted && (await this.stretch.fill(first, last))) this.tell({});
    } catch (error) {
      this.tell({ error: asApiError(error) });
    } finally {
      this.filling = false;
    }
  }

  take(session: Session): void {
    this.tell({ session });
    this.onSession(session);
  }

  replace(message: Message): void {
    this.stretch.put(message);
    this.tell({});
  }

  remove(message: Message): void {
    this.stretch.drop(message.depth);
    this.tell({});
  }

  ask(asked: Asked): Promise<void> {
    const path = address("/v1/sessions/{session_id}/messages", { session_id: this.id });
    return this.begin(path, asked, this.shown.count);
  }

  edit(message: Message, content: string): Promise<void> {
    const path = address("/v1/messages/{message_id}/edit", { message_id: message.id });
    return this.begin(path, { content, attachments: message.attachments }, message.depth);
  }

  regenerate(message: Message, model: string | null): Promise<void> {
    const path = address("/v1/messages/{message_id}/regenerate", { message_id: message.id });
    return this.begin(path, model ? { model } : {}, message.depth);
  }

  goOn(message: Message): Promise<void> {
    return this.begin(address("/v1/messages/{message_id}/continue", { message_id: message.id }), {}, message.depth);
  }

  async stop(): Promise<void> {
    const live = this.shown.live;
    if (!live) return;
    this.tell({ live: { ...live, stopping: true } });
    await api.post("/v1/generations/{generation_id}/stop", { params: { generation_id: live.generationId } });
  }

  /** Show the conversation that goes through another version of a message. */
  async show(message: Message): Promise<void> {
    const session = await api.post("/v1/messages/{message_id}/show", { params: { message_id: message.id } });
    await this.stretch.reloadTail(message.depth, FIRST_PAGE);
    this.take(session);
    await this.join();
  }

  /**
   * Have an answer begun. It is on the server's disk when the headers of its stream are here; from then on it is
   * followed by its id, as after a reload of the page: there is one way only.
   */
  private async begin(path: string, body: object, fromDepth: number): Promise<void> {
    if (this.busy) return;
    this.tell({ sending: true });
    try {
      const answer = await sendOnce(path, { ...body, stream: true });
      const generationId = answer.headers.get("x-roundhouse-generation") ?? "";
      const [session, generation] = await Promise.all([
        api.get("/v1/sessions/{session_id}", { params: { session_id: this.id } }),
        api.get("/v1/generations/{generation_id}", { params: { generation_id: generationId } }),
        this.stretch.reloadTail(fromDepth, FIRST_PAGE),
      ]);
      this.tell({ sending: false, session });
      this.onSession(session);
      if (generation.state === "running") this.attach(generation);
    } finally {
      if (this.shown.sending) this.tell({ sending: false });
    }
  }

  /** Go on with an answer that is being written, whoever asked for it. */
  private async join(): Promise<void> {
    if (this.shown.live) return;
    const path = "/v1/sessions/{session_id}/generations";
    const running = await api.get(path, { params: { session_id: this.id }, query: { running: true } });
    const generation = running.data[0];
    if (generation && !this.shown.live) this.attach(generation);
  }

  private attach(generation: Generation): void {
    const message = [...this.shown.messages.values()].find((one) => one.id === generation.message_id);
    // Until its end a message holds what was there before this generation.
    const answer = new LiveAnswer(generation.continues_chars > 0 ? (message?.content ?? "") : "");
    this.tell({
      live: {
        generationId: generation.id,
        messageId: generation.message_id,
        answer,
        stopping: generation.stop_requested,
        waiting: false,
      },
    });
    void follow({
      url: address("/v1/generations/{generation_id}/events", { generation_id: generation.id }),
      signal: this.closed.signal,
      isLast: (event) => LAST.has(event.event),
      onState: (state) => this.note({ waiting: state === "waiting" }),
      onEvent: (event) => this.hear(event, answer),
    })
      .then(() => this.finish())
      .catch((error: unknown) => this.tell({ live: null, error: asApiError(error) }));
  }

  private hear(event: StreamEvent, answer: LiveAnswer): void {
    const { data } = JSON.parse(event.data) as { data: Record<string, unknown> };
    if (event.event === "generation.delta") answer.take(String(data.text));
    else if (event.event === "generation.grounded") answer.ground(data.citations as Citation[]);
    else if (event.event === "generation.stop_requested") this.note({ stopping: true });
    else if (LAST.has(event.event) && data.object === "message") this.stretch.put(data as unknown as Message);
  }

  /** The answer's end: its title, its numbers, and what the list of sessions tells of it. */
  private async finish(): Promise<void> {
    if (this.closed.signal.aborted) return;
    this.tell({ live: null });
    try {
      this.take(await api.get("/v1/sessions/{session_id}", { params: { session_id: this.id } }));
    } catch (error) {
      // Deleted meanwhile; the answer stays on the page as it came.
      if (asApiError(error).status !== 404) throw error;
    }
  }

  private note(change: Partial<Live>): void {
    if (this.shown.live) this.tell({ live: { ...this.shown.live, ...change } });
  }

  private tell(change: Partial<Shown>): void {
    const { messages, count, loaded } = this.stretch.now();
    this.shown = { ...this.shown, messages, count, loaded, ...change };
    for (const listener of this.listeners) listener();
  }
}

/** The headers of an answer's stream. Sent again under the same key when the first try was lost on its way. */
async function sendOnce(path: string, body: object): Promise<Response> {
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (let attempt = 1; ; attempt++) {
    const leaving = new AbortController();
    try {
      const answer = await send("post", path, {
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify(body),
        signal: leaving.signal,
      });
      leaving.abort();
      return answer;
    } catch (error) {
      if (attempt === TRIES || asApiError(error).code !== "unreachable") throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
