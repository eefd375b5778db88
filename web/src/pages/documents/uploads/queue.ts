import { api, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";
import { upload } from "@/api/upload";

import { FILES, onceKey } from "../data";

export type UploadState = "waiting" | "sending" | "adding" | "added" | "failed";

/** A file on its way into a collection. */
export interface Upload {
  id: number;
  storeId: string;
  name: string;
  bytes: number;
  state: UploadState;
  /** How much of it has left, 0..1. */
  share: number;
  error: unknown;
}

/** Uploads at a time: more gain nothing on one line, and leave no connection to the page itself. */
const AT_ONCE = 3;
const TRIES = 4;

/** Sends files into collections, three at a time, while the page shows other things. */
export class UploadQueue {
  private items: readonly Upload[] = [];
  private readonly files = new Map<number, { file: File; key: string }>();
  private readonly stops = new Map<number, AbortController>();
  private readonly listeners = new Set<() => void>();
  private last = 0;

  /** @param onAdded Told when a file is in its collection. */
  constructor(private readonly onAdded: (storeId: string) => void) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): readonly Upload[] => this.items;

  add(storeId: string, files: readonly File[]): void {
    const fresh = files.map((file): Upload => {
      this.last += 1;
      this.files.set(this.last, { file, key: onceKey() });
      return { id: this.last, storeId, name: file.name, bytes: file.size, state: "waiting", share: 0, error: null };
    });
    this.show([...this.items, ...fresh]);
    this.go();
  }

  /** Try failed ones again: one, or all of a collection. */
  retry(storeId: string, id?: number): void {
    this.show(
      this.items.map((one) =>
        one.storeId === storeId && one.state === "failed" && (id === undefined || one.id === id)
          ? { ...one, state: "waiting", share: 0, error: null }
          : one,
      ),
    );
    this.go();
  }

  /** Take one out, whatever it does. */
  stop(id: number): void {
    this.stops.get(id)?.abort();
    this.files.delete(id);
    this.show(this.items.filter((one) => one.id !== id));
  }

  /** Take all out that are not done yet. */
  stopAll(storeId: string): void {
    for (const one of this.items) if (one.storeId === storeId && one.state !== "added") this.stop(one.id);
  }

  /** Forget what is done. */
  clear(storeId: string): void {
    this.show(this.items.filter((one) => one.storeId !== storeId || one.state !== "added"));
  }

  private show(items: readonly Upload[]): void {
    this.items = items;
    for (const listener of this.listeners) listener();
  }

  private change(id: number, changes: Partial<Upload>): void {
    this.show(this.items.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  }

  private go(): void {
    while (this.stops.size < AT_ONCE) {
      const next = this.items.find((one) => one.state === "waiting");
      if (!next) return;
      const stop = new AbortController();
      this.stops.set(next.id, stop);
      this.change(next.id, { state: "sending" });
      void this.send(next, stop.signal);
    }
  }

  private async send(item: Upload, signal: AbortSignal): Promise<void> {
    try {
      const made = await patiently(() => this.upload(item, signal), signal);
      this.change(item.id, { state: "adding", share: 1 });
      await patiently(
        () => api.post(FILES, { params: { vector_store_id: item.storeId }, body: { file_id: made.id }, signal }),
        signal,
      );
      this.files.delete(item.id);
      this.change(item.id, { state: "added" });
      this.onAdded(item.storeId);
    } catch (error) {
      if (!signal.aborted) this.change(item.id, { state: "failed", error });
    } finally {
      this.stops.delete(item.id);
      this.go();
    }
  }

  private upload(item: Upload, signal: AbortSignal): Promise<Schemas["FileRead"]> {
    const known = this.files.get(item.id);
    if (!known) throw new DOMException("The upload was stopped.", "AbortError");
    const form = new FormData();
    form.append("purpose", "assistants");
    form.append("file", known.file, known.file.name);
    return upload<Schemas["FileRead"]>({
      path: "/v1/files",
      form,
      signal,
      headers: { "idempotency-key": known.key },
      onProgress: (share) => this.change(item.id, { share }),
    });
  }
}

/** Wait as long as the server says where it is only busy. */
async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.retryAfterS === null || tries === TRIES) throw error;
      await pause(error.retryAfterS * 1000, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new DOMException("The upload was stopped.", "AbortError"));
      },
      { once: true },
    );
  });
}
