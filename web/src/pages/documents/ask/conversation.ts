import { useCallback, useEffect, useRef, useState } from "react";

import { address, send, type Schemas } from "@/api/client";
import { readEvents } from "@/api/events";
import { ApiError, type ErrorObject } from "@/api/problem";

export type Answer = Schemas["AnswerRead"];

/** A question and what came of it. */
export interface Turn {
  id: number;
  question: string;
  /** What was written so far. */
  text: string;
  /** The whole answer, once it is there. */
  answer: Answer | null;
  error: unknown;
  state: "going" | "done" | "stopped" | "failed";
}

export interface Asking {
  question: string;
  /** null = the usual one. */
  model: string | null;
  maxPassages: number;
  minSimilarity: number;
}

/** Questions that are asked one after another: each knows what was said before. */
export function useConversation(storeId: string) {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const running = useRef<AbortController | null>(null);
  const last = useRef(0);
  useEffect(() => () => running.current?.abort(), []);
  const change = useCallback((id: number, changes: (turn: Turn) => Partial<Turn>) => {
    setTurns((now) => now.map((turn) => (turn.id === id ? { ...turn, ...changes(turn) } : turn)));
  }, []);
  const ask = useCallback(
    async (asking: Asking): Promise<void> => {
      running.current?.abort();
      const stop = new AbortController();
      running.current = stop;
      last.current += 1;
      const id = last.current;
      const history = turns.flatMap((turn) =>
        turn.answer
          ? [
              { role: "user" as const, content: turn.question },
              { role: "assistant" as const, content: turn.answer.answer },
            ]
          : [],
      );
      setTurns((now) => [...now, { id, question: asking.question, text: "", answer: null, error: null, state: "going" }]);
      try {
        await stream(storeId, asking, history, stop.signal, (piece) => {
          change(id, (turn) =>
            "text" in piece ? { text: turn.text + piece.text } : { answer: piece.answer, state: "done" },
          );
        });
      } catch (error) {
        change(id, () => (stop.signal.aborted ? { state: "stopped" } : { error, state: "failed" }));
      }
    },
    [change, storeId, turns],
  );
  const stop = useCallback(() => running.current?.abort(), []);
  const clear = useCallback(() => {
    running.current?.abort();
    setTurns([]);
  }, []);
  return { turns, ask, stop, clear, going: turns.some((turn) => turn.state === "going") };
}

type Piece = { text: string } | { answer: Answer };

async function stream(
  storeId: string,
  asking: Asking,
  history: Schemas["AskCreate"]["history"],
  signal: AbortSignal,
  onPiece: (piece: Piece) => void,
): Promise<void> {
  const body: Schemas["AskCreate"] = {
    question: asking.question,
    model: asking.model,
    history,
    max_passages: asking.maxPassages,
    min_similarity: asking.minSimilarity || null,
    stream: true,
    explain: false,
  };
  const response = await send("post", address("/v1/vector_stores/{vector_store_id}/ask", { vector_store_id: storeId }), {
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  let ended = false;
  for await (const { event, data } of readEvents(response)) {
    const told = JSON.parse(data) as unknown;
    if (event === "add") onPiece({ text: (told as { content: string }).content });
    else if (event === "finish") {
      ended = true;
      onPiece({ answer: told as Answer });
    } else if (event === "error") {
      const { error } = told as { error: ErrorObject };
      throw new ApiError(response.status, error.code ?? "error", error.message, error.param ?? null);
    }
  }
  if (!ended) throw new ApiError(0, "unreachable", "The answer broke off.");
}
