import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { Button, ErrorNotice, Field, Textarea } from "@/components";

import type { Conversation } from "../state/conversation";
import type { Message } from "../state/shapes";

export interface EditQuestionProps {
  conversation: Conversation;
  message: Message;
  onClose: () => void;
}

/** A question put differently: it is asked in the same place, what was said there stays as another version. */
export function EditQuestion({ conversation, message, onClose }: EditQuestionProps) {
  const { t } = useTranslation("chat");
  const { t: frame } = useTranslation("frame");
  const [content, setContent] = useState(message.content);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    try {
      await conversation.edit(message, content.trim());
      onClose();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return (
    <form
      className="flex flex-col gap-2 rounded-xl border border-line bg-surface p-3"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && content.trim()) void submit();
      }}
    >
      <Field label={t("editQuestion")} hint={t("editHint")}>
        <Textarea autoFocus rows={Math.min(12, content.split("\n").length + 1)} value={content} onChange={(event) => setContent(event.target.value)} />
      </Field>
      {error !== null && <ErrorNotice error={error} />}
      <div className="flex justify-end gap-2">
        <Button size="small" onClick={onClose}>
          {frame("cancel")}
        </Button>
        <Button size="small" look="primary" type="submit" busy={busy} disabled={!content.trim()}>
          {t("ask")}
        </Button>
      </div>
    </form>
  );
}
