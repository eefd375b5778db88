import { PencilLine, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { CopyButton, IconButton } from "@/components";

import type { Conversation } from "../state/conversation";
import type { Message } from "../state/shapes";
import { Attachments } from "./Attachments";
import { DeleteMessage } from "./DeleteMessage";
import { Versions } from "./Versions";

const FOLDED_CHARS = 3_000;

export interface QuestionProps {
  conversation: Conversation;
  message: Message;
  busy: boolean;
  onEdit: () => void;
}

/** What somebody asked: as it was written, never as Markdown. */
export function Question({ conversation, message, busy, onEdit }: QuestionProps) {
  const { t } = useTranslation("chat");
  const mayAsk = useMay("inference");
  const mayWrite = useMay("chats:write");
  const [open, setOpen] = useState(message.content.length <= FOLDED_CHARS);
  const [deleting, setDeleting] = useState(false);
  return (
    <div className="group flex flex-col items-end gap-1">
      <Attachments ids={message.attachments} />
      <div dir="auto" className="max-w-[85%] rounded-2xl rounded-ee-md bg-accent-soft px-4 py-2.5 break-words whitespace-pre-wrap">
        {open ? message.content : `${message.content.slice(0, FOLDED_CHARS)}…`}
        {!open && (
          <button type="button" className="mt-1 block font-medium text-accent" onClick={() => setOpen(true)}>
            {t("showAll")}
          </button>
        )}
      </div>
      <div className="flex min-h-8 items-center gap-0.5 text-muted">
        <Versions conversation={conversation} message={message} busy={busy} />
        <span className="flex md:opacity-0 md:group-focus-within:opacity-100 md:group-hover:opacity-100">
          <CopyButton text={message.content} />
          {mayAsk && mayWrite && <IconButton icon={PencilLine} size="small" label={t("edit")} disabled={busy} onClick={onEdit} />}
          {mayWrite && <IconButton icon={Trash2} size="small" label={t("deleteMessage")} disabled={busy} onClick={() => setDeleting(true)} />}
        </span>
      </div>
      <DeleteMessage conversation={conversation} message={message} open={deleting} onOpenChange={setDeleting} />
    </div>
  );
}
