import { useEffect, useMemo, useSyncExternalStore } from "react";

import { useChats } from "./Chats";
import { Conversation, type Shown } from "./conversation";

/** A session as it is shown, loaded when it is first looked at. */
export function useConversation(id: string): [Conversation, Shown] {
  const chats = useChats();
  const conversation = useMemo(() => chats.conversation(id, Conversation), [chats, id]);
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
