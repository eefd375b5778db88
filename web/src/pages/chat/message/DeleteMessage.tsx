import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Confirm } from "@/components";

import type { Conversation } from "../state/conversation";
import type { Message } from "../state/shapes";

export interface DeleteMessageProps {
  conversation: Conversation;
  message: Message;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Asks before the text of a message goes for good. */
export function DeleteMessage({ conversation, message, open, onOpenChange }: DeleteMessageProps) {
  const { t } = useTranslation("chat");
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={t("deleteMessageAsk")}
      about={t("deleteMessageAbout")}
      action={t("deleteMessage")}
      onConfirm={async () => {
        await api.delete("/v1/messages/{message_id}", { params: { message_id: message.id } });
        conversation.remove(message);
      }}
    />
  );
}
