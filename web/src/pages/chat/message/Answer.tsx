import { FastForward, RefreshCw, Trash2, TriangleAlert } from "lucide-react";
import { startTransition, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "@/api/problem";
import { useMay } from "@/api/me";
import { Badge, CopyButton, ErrorNotice, IconButton, useToast } from "@/components";

import { blocksOf, type Block } from "../markdown/blocks";
import { Blocks } from "../markdown/Blocks";
import { CitedContext, GroundedContext } from "../markdown/Mark";
import type { Conversation, Live } from "../state/conversation";
import type { LiveShown } from "../state/live";
import { citationsOf, knowledgeOf, type Citation, type Message } from "../state/shapes";
import { DeleteMessage } from "./DeleteMessage";
import { Sources } from "./Sources";
import { Thoughts, thoughtsOf } from "./Thoughts";
import { Versions } from "./Versions";
import { Why } from "./Why";

/** Longer answers that are finished are drawn in slices, between which the page can do other things. */
const LONG_CHARS = 12_000;
/** As many blocks of them are there at once, and as many come with each slice. */
const FIRST_BLOCKS = 12;
const MORE_BLOCKS = 80;
const NOBODY = (): (() => void) => () => undefined;
const UNCITED: Citation[] = [];

export interface AnswerProps {
  conversation: Conversation;
  message: Message;
  live: Live | null;
  busy: boolean;
  last: boolean;
  onCitation: (citation: Citation) => void;
}

/** What a model said, or says right now. */
export function Answer({ conversation, message, live, busy, last, onCitation }: AnswerProps) {
  const { t } = useTranslation("chat");
  const answer = live?.answer;
  const shown = useSyncExternalStore(answer?.subscribe ?? NOBODY, () => answer?.snapshot() ?? null);
  const kept = citationsOf(message);
  const citations = shown?.citations.length ? shown.citations : kept.length ? kept : UNCITED;
  const cited = useMemo(() => ({ citations, open: onCitation }), [citations, onCitation]);
  const grounded = citations.length > 0;
  const blocks = useBlocks(shown, message.content);
  const { thoughts, said, thinking } = thoughtsOf(blocks.closed, blocks.open);
  const unsupported = knowledgeOf(message)?.unsupported?.length ?? 0;
  return (
    <div className="group flex flex-col gap-1.5">
      {thoughts && <Thoughts text={thoughts} thinking={thinking} />}
      <CitedContext value={cited}>
        <GroundedContext value={grounded}>
          <Blocks closed={said.closed} open={said.open} />
        </GroundedContext>
      </CitedContext>
      {live && <Cursor waiting={live.waiting} begun={Boolean(shown?.chars)} />}
      {message.error && !live && <Failure error={message.error} />}
      {!live && <Sources citations={citations} cited={message.content} onOpen={onCitation} />}
      {!live && unsupported > 0 && (
        <p className="flex items-start gap-2 text-sm text-warn">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {t("unsupported", { count: unsupported })}
        </p>
      )}
      {!live && <Actions conversation={conversation} message={message} busy={busy} last={last} />}
    </div>
  );
}

/**
 * The blocks of an answer, while it is written and when it has ended: the same ones, so that nothing is drawn anew at
 * its end. A long one that had ended before it came to the page is drawn in slices.
 */
function useBlocks(shown: LiveShown | null, content: string): { closed: Block[]; open: Block | null } {
  const [drawn, setDrawn] = useState(shown !== null || content.length <= LONG_CHARS ? Infinity : FIRST_BLOCKS);
  const live = shown !== null;
  // What is there when it is gone on with stays when it ends.
  if (live && drawn !== Infinity) setDrawn(Infinity);
  const whole = useMemo(() => (live ? [] : blocksOf(content)), [live, content]);
  const more = !live && drawn < whole.length;
  useEffect(() => {
    if (!more) return;
    const frame = requestAnimationFrame(() => startTransition(() => setDrawn((now) => now + MORE_BLOCKS)));
    return () => cancelAnimationFrame(frame);
  }, [more, drawn]);
  const closed = useMemo(() => (more ? whole.slice(0, drawn) : whole), [more, whole, drawn]);
  return shown ?? { closed, open: null };
}

function Cursor({ waiting, begun }: { waiting: boolean; begun: boolean }) {
  const { t } = useTranslation("chat");
  return (
    <p className="flex min-h-8 items-center gap-2 text-sm text-muted">
      <span aria-hidden className="size-2 animate-pulse rounded-full bg-accent" />
      {waiting ? t("reconnecting") : begun ? t("writing") : t("thinking")}
    </p>
  );
}

function Failure({ error }: { error: Record<string, unknown> }) {
  const message = typeof error.message === "string" ? error.message : "";
  const code = typeof error.code === "string" ? error.code : "";
  return <ErrorNotice error={new ApiError(0, code, message, typeof error.param === "string" ? error.param : null)} />;
}

function Actions({ conversation, message, busy, last }: { conversation: Conversation; message: Message; busy: boolean; last: boolean }) {
  const { t } = useTranslation("chat");
  const toast = useToast();
  const mayWrite = useMay("chats:write");
  const mayAsk = useMay("inference") && mayWrite;
  const [deleting, setDeleting] = useState(false);
  const cut = ["stopped", "interrupted", "failed"].includes(message.state) || message.finish_reason === "length";
  const run = (work: Promise<void>): void => void work.catch(toast.failed);
  return (
    <div className="-ms-1.5 flex min-h-8 flex-wrap items-center gap-0.5 text-muted">
      <Versions conversation={conversation} message={message} busy={busy} />
      <CopyButton text={message.content} />
      {mayAsk && (
        <IconButton icon={RefreshCw} size="small" label={t("regenerate")} disabled={busy} onClick={() => run(conversation.regenerate(message, null))} />
      )}
      {mayAsk && last && cut && (
        <IconButton icon={FastForward} mirrored size="small" label={t("goOn")} disabled={busy} onClick={() => run(conversation.goOn(message))} />
      )}
      <Why message={message} />
      {message.state !== "complete" && message.state !== "generating" && <Badge kind={message.state === "failed" ? "bad" : "warn"}>{t(`state.${message.state}`)}</Badge>}
      {message.state === "complete" && message.finish_reason === "length" && <Badge kind="warn">{t("cutByLength")}</Badge>}
      {mayWrite && (
        <span className="md:opacity-0 md:group-focus-within:opacity-100 md:group-hover:opacity-100">
          <IconButton icon={Trash2} size="small" label={t("deleteMessage")} disabled={busy} onClick={() => setDeleting(true)} />
        </span>
      )}
      <DeleteMessage conversation={conversation} message={message} open={deleting} onOpenChange={setDeleting} />
    </div>
  );
}
