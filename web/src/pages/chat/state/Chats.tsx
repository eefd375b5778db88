import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";

import { Conversation, type Shown } from "./conversation";
import { useSessionPages } from "./sessions";

const MOST_KEPT = 12;

/** The conversations that were opened: an answer goes on while another one is looked at. */
export class Chats {
  private open = new Map<string, Conversation>();

  constructor(private readonly onSession: ConstructorParameters<typeof Conversation>[1]) {}

  conversation(id: string): Conversation {
    const known = this.open.get(id);
    this.open.delete(id);
    const conversation = known ?? new Conversation(id, this.onSession);
    this.open.set(id, conversation);
    this.leaveOld();
    return conversation;
  }

  forget(id: string): void {
    this.open.get(id)?.end();
    this.open.delete(id);
  }

  end(): void {
    for (const conversation of this.open.values()) conversation.end();
    this.open.clear();
  }

  private leaveOld(): void {
    for (const [id, conversation] of this.open) {
      if (this.open.size <= MOST_KEPT) return;
      if (!conversation.busy) this.forget(id);
    }
  }
}

const ChatsContext = createContext<Chats | null>(null);

export function ChatsProvider({ children }: { children: ReactNode }) {
  const { touch } = useSessionPages();
  const [chats, setChats] = useState<Chats | null>(null);
  useEffect(() => {
    const made = new Chats(touch);
    setChats(made);
    return () => made.end();
  }, [touch]);
  if (!chats) return null;
  return <ChatsContext value={chats}>{children}</ChatsContext>;
}

export function useChats(): Chats {
  const chats = useContext(ChatsContext);
  if (!chats) throw new Error("useChats is used below ChatsProvider.");
  return chats;
}

/** A session as it is shown, loaded when it is first looked at. */
export function useConversation(id: string): [Conversation, Shown] {
  const chats = useChats();
  const conversation = useMemo(() => chats.conversation(id), [chats, id]);
  const shown = useSyncExternalStore(conversation.subscribe, conversation.snapshot);
  useEffect(() => {
    void conversation.start();
    const look = (): void => {
      // What cannot be read now stays as it was; the next look asks again.
      if (!document.hidden) conversation.refresh().catch(() => undefined);
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [conversation]);
  return [conversation, shown];
}
