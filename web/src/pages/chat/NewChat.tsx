import { useNavigate } from "@tanstack/react-router";
import { MessagesSquare } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { EmptyState } from "@/components";

import { Composer } from "./compose/Composer";
import { PanelButton } from "./SessionHeader";
import { useChats } from "./state/Chats";
import type { Asked } from "./state/conversation";
import { useSessionPages } from "./state/sessions";

/** A conversation before its first question: nothing is kept until that is asked. */
export function NewChat() {
  const { t } = useTranslation("chat");
  const navigate = useNavigate();
  const chats = useChats();
  const { changed, remove } = useSessionPages();
  const mayWrite = useMay("chats:write");
  const [model, setModel] = useState<string | null>(null);
  const [storeIds, setStoreIds] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const send = async (asked: Asked): Promise<void> => {
    setBusy(true);
    try {
      // What is left out has its default; the document's types know only of answers, in which all is there.
      const body = { model, vector_store_ids: storeIds } as Schemas["SessionCreate"];
      const { Conversation } = await import("./state/conversation");
      const session = await changed(api.post("/v1/sessions", { body }));
      const conversation = chats.conversation(session.id, Conversation);
      await conversation.start();
      await conversation.ask(asked).catch(async (reason: unknown) => {
        // Nothing was asked: no empty session is left behind.
        await api.delete("/v1/sessions/{session_id}", { params: { session_id: session.id }, query: { permanent: true } });
        remove(session.id);
        chats.forget(session.id);
        throw reason;
      });
      await navigate({ to: "/chat/$sessionId", params: { sessionId: session.id } });
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <header className="flex min-h-13 items-center gap-2 border-b border-line bg-surface px-2 md:hidden">
        <PanelButton />
        <span className="font-semibold">{t("new")}</span>
      </header>
      <div className="flex min-h-0 flex-1 flex-col justify-center overflow-y-auto">
        {mayWrite ? (
          <>
            <h2 className="px-4 pb-4 text-center text-2xl font-semibold">{t("whatToKnow")}</h2>
            <Composer
              draft="new"
              settings={{ model, storeIds }}
              onModel={setModel}
              onStores={setStoreIds}
              onSend={send}
              busy={busy}
              stopping={false}
              bare
            />
          </>
        ) : (
          <div className="mx-auto max-w-lg p-4">
            <EmptyState icon={MessagesSquare} title={t("chooseSession")} />
          </div>
        )}
      </div>
    </>
  );
}
