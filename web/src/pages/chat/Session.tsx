import { useParams, useRouterState } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { ErrorNotice, Spinner, useToast } from "@/components";

import { Composer } from "./compose/Composer";
import { MessageList } from "./message/MessageList";
import { SessionHeader } from "./SessionHeader";
import { useConversation } from "./state/useConversation";

export default function SessionPage() {
  const { sessionId } = useParams({ strict: false }) as { sessionId: string };
  return <Session key={sessionId} id={sessionId} />;
}

/** One conversation: its title, what was said, and what will be. */
function Session({ id }: { id: string }) {
  const { t } = useTranslation("chat");
  const toast = useToast();
  const [conversation, shown] = useConversation(id);
  const place = useRouterState({ select: (state) => state.location.hash });
  const { session, error, ready, live, sending } = shown;
  if (!ready) return <Spinner className="flex-1" />;
  if (!session) {
    return <ErrorNotice error={error} className="m-4" onRetry={() => void conversation.start()} />;
  }
  const change = (body: { model: string | null } | { vector_store_ids: string[] }): void => {
    api
      .patch("/v1/sessions/{session_id}", { params: { session_id: id }, body })
      .then((known) => conversation.take(known))
      .catch(toast.failed);
  };
  return (
    <>
      <SessionHeader session={session} />
      <MessageList conversation={conversation} shown={shown} place={place} />
      {error && <ErrorNotice error={error} className="mx-4 mb-2" onRetry={() => void conversation.reload()} />}
      <Composer
        key={id}
        draft={id}
        settings={{ model: session.model, storeIds: session.vector_store_ids }}
        onModel={(model) => change({ model })}
        onStores={(vector_store_ids) => change({ vector_store_ids })}
        onSend={(asked) => conversation.ask(asked)}
        onStop={live ? () => conversation.stop() : undefined}
        stopping={live?.stopping ?? false}
        busy={sending}
        refused={session.deleted_at ? t("isDeleted") : undefined}
      />
    </>
  );
}
