import { useQueryClient } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";

import { upload } from "@/api/upload";

import { formOf, type Wishes } from "./wishes";

/** One recording on its way to the server. */
export interface Sending {
  id: string;
  title: string;
  /** 0..1 of its bytes. */
  share: number;
  state: "waiting" | "going" | "failed";
  error: unknown;
}

interface Order {
  sound: File | string;
  title: string;
  wishes: Wishes;
  stop: AbortController;
}

interface Desk {
  sendings: Sending[];
  send: (sounds: { sound: File | string; title: string }[], wishes: Wishes) => void;
  again: (id: string) => void;
  stop: (id: string) => void;
}

const DeskContext = createContext<Desk | null>(null);

/** Uploads at a time: the browser has six connections to the server, and events need some of them. */
const AT_A_TIME = 2;

export function useSending(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("useSending is used below SendingProvider.");
  return desk;
}

/** A name for a request that may be sent again; also where the page came over plain http. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends recordings one after the other and tells how far each is; what failed can be sent again without doubling it. */
export function SendingProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [sendings, setSendings] = useState<Sending[]>([]);
  const orders = useRef(new Map<string, Order>());

  const change = useCallback((id: string, news: Partial<Sending> | null) => {
    if (news === null) orders.current.delete(id);
    setSendings((now) =>
      news === null ? now.filter((one) => one.id !== id) : now.map((one) => (one.id === id ? { ...one, ...news } : one)),
    );
  }, []);

  const start = useCallback(
    async (id: string, order: Order) => {
      try {
        await upload({
          path: "/v1/process",
          form: formOf(order.sound, order.title, order.wishes),
          headers: { "idempotency-key": id },
          signal: order.stop.signal,
          onProgress: (share) => change(id, { share }),
        });
        change(id, null);
        await queries.invalidateQueries({ queryKey: ["/v1/recordings"] });
      } catch (error) {
        if (order.stop.signal.aborted) change(id, null);
        else change(id, { state: "failed", error });
      }
    },
    [change, queries],
  );

  useEffect(() => {
    const free = AT_A_TIME - sendings.filter((one) => one.state === "going").length;
    for (const one of sendings.filter((each) => each.state === "waiting").slice(0, Math.max(0, free))) {
      const order = orders.current.get(one.id);
      if (!order) continue;
      change(one.id, { state: "going", share: 0, error: null });
      void start(one.id, order);
    }
  }, [sendings, change, start]);

  useEffect(() => {
    if (sendings.every((one) => one.state === "failed")) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [sendings]);

  const desk = useMemo<Desk>(
    () => ({
      sendings,
      send: (sounds, wishes) => {
        const fresh = sounds.map(({ sound, title }) => {
          const id = newKey();
          orders.current.set(id, { sound, title, wishes, stop: new AbortController() });
          const name = title || (typeof sound === "string" ? sound : sound.name);
          return { id, title: name, share: 0, state: "waiting" as const, error: null };
        });
        setSendings((now) => [...now, ...fresh]);
      },
      again: (id) => change(id, { state: "waiting" }),
      stop: (id) => {
        orders.current.get(id)?.stop.abort();
        change(id, null);
      },
    }),
    [sendings, change],
  );
  return <DeskContext value={desk}>{children}</DeskContext>;
}
