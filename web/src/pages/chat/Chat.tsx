import "./chat.css";

import { Outlet, useParams } from "@tanstack/react-router";
import clsx from "clsx";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { NewChat } from "./NewChat";
import { SessionPanel } from "./list/SessionPanel";
import { Colours } from "./markdown/Colours";
import { ChatsProvider } from "./state/Chats";
import { PanelContext } from "./state/panel";

/** Conversations: the list of them at the start of the line, the one that is open beside it. */
export default function Chat() {
  const { t } = useTranslation("chat");
  const { sessionId } = useParams({ strict: false }) as { sessionId?: string };
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [sessionId]);
  return (
    <ChatsProvider>
      <Colours>
        <PanelContext value={{ open, setOpen }}>
          <div className="relative flex h-full min-h-0 overflow-hidden">
            <h1 className="sr-only">{t("title")}</h1>
            {open && <div aria-hidden className="absolute inset-0 z-10 bg-black/40 md:hidden" onClick={() => setOpen(false)} />}
            <aside
              id="sessions"
              aria-label={t("sessions")}
              className={clsx(
                "z-10 flex w-72 shrink-0 flex-col border-e border-line bg-surface",
                "max-md:absolute max-md:inset-y-0 max-md:start-0 max-md:w-[min(20rem,88vw)] max-md:shadow-2xl",
                !open && "max-md:hidden",
              )}
            >
              <SessionPanel current={sessionId} />
            </aside>
            <div className="flex min-h-0 min-w-0 flex-1 flex-col">{sessionId ? <Outlet /> : <NewChat />}</div>
          </div>
        </PanelContext>
      </Colours>
    </ChatsProvider>
  );
}
