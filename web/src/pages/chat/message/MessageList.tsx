import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { IconButton, useToast } from "@/components";

import type { Conversation, Shown } from "../state/conversation";
import type { Citation } from "../state/shapes";
import { MessageRow } from "./MessageRow";
import { Passage } from "./Passage";

/** About the height of a message; the same for all, so that nothing moves when one is loaded that is not seen. */
const ESTIMATE_PX = 160;
const AT_END_PX = 60;
const AHEAD = 20;

export interface MessageListProps {
  conversation: Conversation;
  shown: Shown;
  /** Id of a message to be shown first; "" = the last one. */
  place: string;
}

/** What was said, of which only what is seen is in the page. Stays at its end while one looks at that. */
export function MessageList({ conversation, shown, place }: MessageListProps) {
  const { t } = useTranslation("chat");
  const scroller = useRef<HTMLDivElement>(null);
  const [away, setAway] = useState(false);
  const [passage, setPassage] = useState<Citation | null>(null);
  const open = useCallback((citation: Citation) => setPassage(citation), []);
  const { count, messages, loaded, live } = shown;
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ESTIMATE_PX,
    getItemKey: (index) => index,
    overscan: 3,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: AT_END_PX,
    paddingStart: 16,
    paddingEnd: 24,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  const { at: marked, go } = usePlace(conversation, place, useCallback((depth: number) => virtual.scrollToIndex(depth, { align: "start" }), [virtual]));
  useLayoutEffect(() => {
    if (!place) virtual.scrollToEnd();
    // Once: from then on the list keeps its place by itself.
  }, []);
  useEffect(() => {
    void conversation.need(first - AHEAD, last + AHEAD);
  }, [conversation, first, last, count, loaded]);
  useEffect(() => {
    if (shown.sending) virtual.scrollToEnd();
  }, [shown.sending, virtual]);
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <div
        ref={scroller}
        role="log"
        aria-label={t("conversation")}
        aria-live="off"
        tabIndex={0}
        onScroll={() => setAway(!virtual.isAtEnd(AT_END_PX))}
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-3 [overflow-anchor:none] sm:px-5"
      >
        <ol className="relative mx-auto w-full max-w-3xl" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              aria-setsize={count}
              aria-posinset={item.index + 1}
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <MessageRow
                conversation={conversation}
                message={messages.get(item.index)}
                loaded={loaded(item.index)}
                live={live?.messageId === messages.get(item.index)?.id ? live : null}
                busy={live !== null || shown.sending}
                last={item.index === count - 1}
                marked={marked === item.index}
                onCitation={open}
              />
            </li>
          ))}
        </ol>
      </div>
      {away && count > 0 && (
        <div className="pointer-events-none absolute inset-x-0 bottom-3 flex justify-center">
          <IconButton
            icon={ArrowDown}
            label={t("toEnd")}
            look="plain"
            className="pointer-events-auto rounded-full! shadow-md"
            onClick={() => {
              go(null);
              virtual.scrollToEnd();
            }}
          />
        </div>
      )}
      <span role="status" className="sr-only">
        {live ? t("answering") : ""}
      </span>
      <Passage citation={passage} onClose={() => setPassage(null)} />
    </div>
  );
}

/** The depth of the message that is to be shown; its branch is shown first where another one is. */
function usePlace(conversation: Conversation, place: string, scroll: (depth: number) => void) {
  const toast = useToast();
  const [at, go] = useState<number | null>(null);
  useEffect(() => {
    if (!place) return;
    let wanted = true;
    const params = { message_id: place };
    const find = async (): Promise<void> => {
      const message = await api.get("/v1/messages/{message_id}", { params });
      const siblings = await api.get("/v1/messages/{message_id}/siblings", { params });
      if (!siblings.data.find((one) => one.message.id === place)?.shown) await conversation.show(message);
      if (wanted) go(message.depth);
    };
    find().catch(toast.failed);
    return () => {
      wanted = false;
    };
  }, [conversation, place, toast]);
  useEffect(() => {
    if (at !== null) scroll(at);
  }, [at, scroll]);
  return { at, go };
}
