import { useTranslation } from "react-i18next";

import { Badge } from "@/components";

import type { Status } from "./states";

const KINDS = {
  PENDING: "neutral",
  PREPROCESSING: "accent",
  PROCESSING_ASR: "accent",
  PROCESSING_LLM: "accent",
  COMPLETE: "good",
  FAILED: "bad",
} as const satisfies Record<Status, string>;

/** How far a recording is, in a word. */
export function StatusBadge({ status, cancelled = false }: { status: Status; cancelled?: boolean }) {
  const { t } = useTranslation("audio");
  if (cancelled) return <Badge kind="neutral">{t("status.cancelled")}</Badge>;
  return <Badge kind={KINDS[status]}>{t(`status.${status}`)}</Badge>;
}
