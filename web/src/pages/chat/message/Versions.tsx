import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { IconButton, useToast } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Conversation } from "../state/conversation";
import type { Message } from "../state/shapes";

export interface VersionsProps {
  conversation: Conversation;
  message: Message;
  busy: boolean;
}

/** The messages that stand in one place, one of which is shown: edited questions, other answers. */
export function Versions({ conversation, message, busy }: VersionsProps) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const toast = useToast();
  const mayWrite = useMay("chats:write");
  const [going, setGoing] = useState(false);
  const branches = conversation.snapshot().session?.branches ?? 1;
  const query = useQuery({
    // Another branch may have brought a version along: asked anew when there is one more.
    queryKey: ["/v1/messages/{message_id}/siblings", message.id, branches],
    queryFn: ({ signal }) => api.get("/v1/messages/{message_id}/siblings", { params: { message_id: message.id }, signal }),
    enabled: branches > 1,
    staleTime: Infinity,
  });
  const versions = query.data?.data ?? [];
  const at = versions.findIndex((one) => one.message.id === message.id);
  if (versions.length < 2 || at < 0) return null;
  const go = (step: number): void => {
    const other = versions[at + step]?.message;
    if (!other) return;
    setGoing(true);
    conversation
      .show(other)
      .catch(toast.failed)
      .finally(() => setGoing(false));
  };
  const stuck = busy || going || !mayWrite;
  return (
    <span role="group" aria-label={t("versions")} className="inline-flex items-center">
      <IconButton icon={ChevronLeft} mirrored size="small" label={t("versionBefore")} disabled={stuck || at === 0} onClick={() => go(-1)} />
      <span className="text-sm tabular-nums">
        {t("versionOf", { number: number(at + 1), total: number(versions.length) })}
      </span>
      <IconButton
        icon={ChevronRight}
        mirrored
        size="small"
        label={t("versionBehind")}
        disabled={stuck || at === versions.length - 1}
        onClick={() => go(1)}
      />
    </span>
  );
}
