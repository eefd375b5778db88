import clsx from "clsx";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Conversation, Live } from "../state/conversation";
import type { Citation, Message } from "../state/shapes";
import { Answer } from "./Answer";
import { EditQuestion } from "./EditQuestion";
import { Question } from "./Question";

export interface MessageRowProps {
  conversation: Conversation;
  /** undefined = not loaded, or deleted. */
  message: Message | undefined;
  loaded: boolean;
  live: Live | null;
  /** Whether something is being answered: then nothing else is asked for. */
  busy: boolean;
  last: boolean;
  /** Whether it is the one that was looked for. */
  marked: boolean;
  onCitation: (citation: Citation) => void;
}

/** One place of the conversation. */
export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { message, loaded, marked } = props;
  const { t } = useTranslation("chat");
  if (!message) {
    if (loaded) return <p className="py-1 text-center text-xs text-muted">{t("messageDeleted")}</p>;
    return <div aria-hidden className="my-3 h-34 animate-pulse rounded-lg bg-sunken" />;
  }
  return (
    <article
      aria-label={t(`role.${message.role}`)}
      className={clsx("py-2.5", marked && "rounded-lg bg-warn-soft/60 ring-4 ring-warn-soft/60")}
    >
      <Said {...props} message={message} />
    </article>
  );
});

function Said({ conversation, message, live, busy, last, onCitation }: MessageRowProps & { message: Message }) {
  const { t } = useTranslation("chat");
  const [editing, setEditing] = useState(false);
  if (message.kind === "summary") {
    return (
      <details className="rounded-lg border border-dashed border-line-strong px-3 py-2 text-sm">
        <summary className="cursor-pointer text-muted">{t("summary")}</summary>
        <p dir="auto" className="mt-2 whitespace-pre-wrap">
          {message.content}
        </p>
      </details>
    );
  }
  if (message.role === "assistant") {
    return <Answer conversation={conversation} message={message} live={live} busy={busy} last={last} onCitation={onCitation} />;
  }
  if (editing) return <EditQuestion conversation={conversation} message={message} onClose={() => setEditing(false)} />;
  return <Question conversation={conversation} message={message} busy={busy} onEdit={() => setEditing(true)} />;
}
