import { createContext, useContext, useEffect, useState, type ReactNode } from "react";

import type { Conversation } from "./conversation";
import { useSessionPages } from "./sessions";
import type { Session } from "./shapes";

const MOST_KEPT = 12;

/** The conversations that were opened: an answer goes on while another one is looked at. */
export class Chats {
  private open = new Map<string, Conversation>();

  constructor(private readonly onSession: (session: Session) => void) {}

  /** The one of a session, opened now unless it is open: its code is not loaded with the list of sessions. */
  conversation(id: string, Kind: typeof Conversation): Conversation {
    const known = this.open.get(id);
    this.open.delete(id);
    const conversation = known ?? new Kind(id, this.onSession);
    this.open.set(id, conversation);
    this.leaveOld();
    return conversation;
  }

  /** A session has changed elsewhere. */
  take(session: Session): void {
    this.open.get(session.id)?.take(session);
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
