import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import { useTranslation } from "react-i18next";

import { pages, type Schemas } from "@/api/client";
import { EmptyState, ErrorNotice, Pager, Spinner } from "@/components";

import { usePanel } from "../state/panel";
import type { Folder } from "../state/sessions";

const ENTRY = "block rounded-md px-2 py-1.5 hover:bg-sunken";

/** What a search found: sessions by their titles, messages by their text. */
export function Found({ words, folder }: { words: string; folder: Folder }) {
  const { t } = useTranslation("chat");
  const { setOpen } = usePanel();
  const query = { q: words, limit: 20, ...(folder.kind === "tag" ? { tag: [folder.tag] } : {}) };
  const titles = useInfiniteQuery(pages("/v1/sessions/search", { query }));
  const texts = useInfiniteQuery(pages("/v1/messages/search", { query }));
  const sessions = titles.data?.pages.flatMap((page) => page.data) ?? [];
  const messages = texts.data?.pages.flatMap((page) => page.data) ?? [];
  const error = titles.error ?? texts.error;
  if (error) return <ErrorNotice error={error} className="mx-3" />;
  if (titles.isPending || texts.isPending) return <Spinner />;
  if (!sessions.length && !messages.length) {
    return (
      <div className="px-3 pt-2">
        <EmptyState icon={SearchX} title={t("nothingFound")} />
      </div>
    );
  }
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-2 pb-3">
      {sessions.length > 0 && <h2 className="px-2 pt-2 pb-1 text-xs font-medium text-muted">{t("foundSessions")}</h2>}
      {sessions.map(({ session, snippet }) => (
        <Link key={session.id} to="/chat/$sessionId" params={{ sessionId: session.id }} className={ENTRY} onClick={() => setOpen(false)}>
          <Snippet pieces={snippet} />
        </Link>
      ))}
      <Pager query={titles} />
      {messages.length > 0 && <h2 className="px-2 pt-3 pb-1 text-xs font-medium text-muted">{t("foundMessages")}</h2>}
      {messages.map(({ message, snippet, session_title }) => (
        <Link
          key={message.id}
          to="/chat/$sessionId"
          params={{ sessionId: message.session_id }}
          hash={message.id}
          className={ENTRY}
          onClick={() => setOpen(false)}
        >
          <span dir="auto" className="block truncate font-medium">
            {session_title || t("untitled")}
          </span>
          <span className="line-clamp-3 text-sm text-muted">
            <Snippet pieces={snippet} />
          </span>
        </Link>
      ))}
      <Pager query={texts} />
    </div>
  );
}

function Snippet({ pieces }: { pieces: Schemas["SnippetPiece"][] }) {
  return (
    <span dir="auto" className="break-words">
      {pieces.map((piece, index) =>
        piece.hit ? (
          <mark key={index} className="rounded-sm bg-warn-soft text-ink">
            {piece.text}
          </mark>
        ) : (
          piece.text
        ),
      )}
    </span>
  );
}
