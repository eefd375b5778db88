import { useEffect, useRef, useState } from "react";

import { send } from "@/api/client";
import { readEvents } from "@/api/events";
import { ApiError, type ErrorObject } from "@/api/problem";

import type { ChatAsked } from "./snippets";

/** One answer as it comes. */
export interface Answer {
  thinking: string;
  text: string;
  /** `provider/model` that answers, and why it; null = not known yet. */
  by: string | null;
  decision: string | null;
  /** From the request to the first piece, and to the end. */
  firstPieceMs: number | null;
  wholeMs: number | null;
  tokens: { prompt: number; completion: number } | null;
}

interface Chunk {
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null } }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
  error?: ErrorObject;
}

const NOTHING: Answer = { thinking: "", text: "", by: null, decision: null, firstPieceMs: null, wholeMs: null, tokens: null };

/** Asks for a streamed answer, one at a time; who leaves the page stops it. */
export function useChat() {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const ask = async (asked: ChatAsked): Promise<void> => {
    const stop = new AbortController();
    running.current = stop;
    setBusy(true);
    setError(null);
    setAnswer(NOTHING);
    try {
      await stream(asked, stop.signal, setAnswer);
    } catch (reason) {
      if (!stop.signal.aborted) setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return { answer, error, busy, ask, stop: (): void => running.current?.abort() };
}

async function stream(asked: ChatAsked, signal: AbortSignal, tell: (answer: Answer) => void): Promise<void> {
  const begun = performance.now();
  const response = await send("post", "/v1/chat/completions", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...asked, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  let now: Answer = {
    ...NOTHING,
    by: response.headers.get("x-roundhouse-model"),
    decision: response.headers.get("x-roundhouse-decision"),
  };
  for await (const event of readEvents(response)) {
    if (event.data === "[DONE]") break;
    const chunk = JSON.parse(event.data) as Chunk;
    if (chunk.error) throw new ApiError(response.status, chunk.error.code ?? "backend_failed", chunk.error.message);
    now = grown(now, chunk, performance.now() - begun);
    tell(now);
  }
  tell({ ...now, wholeMs: performance.now() - begun });
}

function grown(now: Answer, chunk: Chunk, passedMs: number): Answer {
  const delta = chunk.choices?.[0]?.delta;
  const text = delta?.content ?? "";
  const thinking = delta?.reasoning_content ?? "";
  return {
    ...now,
    text: now.text + text,
    thinking: now.thinking + thinking,
    firstPieceMs: now.firstPieceMs ?? (text || thinking ? passedMs : null),
    tokens: chunk.usage ? { prompt: chunk.usage.prompt_tokens, completion: chunk.usage.completion_tokens } : now.tokens,
  };
}
