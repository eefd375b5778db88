import { useNavigate, useParams } from "@tanstack/react-router";
import {
  Archive,
  ArchiveRestore,
  ChartNoAxesColumn,
  Download,
  EllipsisVertical,
  FolderPen,
  PencilLine,
  Pin,
  PinOff,
  Trash2,
  Undo2,
} from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Confirm, IconButton, Menu, useToast, type MenuItem } from "@/components";

import { useChats } from "./state/Chats";
import { saveExport, type ExportForm } from "./state/exporting";
import { useSessionPages } from "./state/sessions";
import type { Session } from "./state/shapes";

// Loaded when they are asked for: a list of sessions does without.
const Numbers = lazy(() => import("./Numbers").then((part) => ({ default: part.Numbers })));
const RenameDialog = lazy(() => import("./list/SessionDialogs").then((part) => ({ default: part.RenameDialog })));
const TagsDialog = lazy(() => import("./list/SessionDialogs").then((part) => ({ default: part.TagsDialog })));

type Asking = "rename" | "tags" | "delete" | "numbers" | null;

/** What can be done with a session, behind one button. */
export function SessionActions({ session }: { session: Session }) {
  const { t } = useTranslation("chat");
  const toast = useToast();
  const navigate = useNavigate();
  const chats = useChats();
  const { sessionId } = useParams({ strict: false }) as { sessionId?: string };
  const { changed, remove } = useSessionPages();
  const mayWrite = useMay("chats:write");
  const [asking, setAsking] = useState<Asking>(null);
  const params = { session_id: session.id };
  const title = session.title || t("untitled");
  const apply = (work: Promise<Session>): void => {
    changed(work)
      .then((known) => chats.take(known))
      .catch(toast.failed);
  };
  const save = (format: ExportForm): void => void saveExport(session, format).catch(toast.failed);
  const close = (open: boolean): void => setAsking((now) => (open ? now : null));
  const destroy = async (): Promise<void> => {
    const permanent = session.deleted_at !== null;
    await api.delete("/v1/sessions/{session_id}", { params, query: { permanent } });
    remove(session.id);
    chats.forget(session.id);
    if (sessionId === session.id) await navigate({ to: "/chat" });
  };
  const reading: (MenuItem | "line")[] = [
    { label: t("numbers.title"), icon: ChartNoAxesColumn, onSelect: () => setAsking("numbers") },
    { label: t("exportMarkdown"), icon: Download, onSelect: () => save("markdown") },
    { label: t("exportText"), icon: Download, onSelect: () => save("txt") },
    { label: t("exportCsv"), icon: Download, onSelect: () => save("csv") },
    { label: t("exportJson"), icon: Download, onSelect: () => save("json") },
  ];
  const writing: (MenuItem | "line")[] = [
    { label: t("rename"), icon: PencilLine, onSelect: () => setAsking("rename") },
    {
      label: session.pinned ? t("unpin") : t("pin"),
      icon: session.pinned ? PinOff : Pin,
      onSelect: () => apply(api.patch("/v1/sessions/{session_id}", { params, body: { pinned: !session.pinned } })),
    },
    { label: t("foldersOf"), icon: FolderPen, onSelect: () => setAsking("tags") },
    session.archived
      ? { label: t("unarchive"), icon: ArchiveRestore, onSelect: () => apply(api.post("/v1/sessions/{session_id}/unarchive", { params })) }
      : { label: t("archive"), icon: Archive, onSelect: () => apply(api.post("/v1/sessions/{session_id}/archive", { params })) },
    "line",
    ...reading,
    "line",
    { label: t("delete"), icon: Trash2, danger: true, onSelect: () => setAsking("delete") },
  ];
  const gone: (MenuItem | "line")[] = [
    { label: t("restore"), icon: Undo2, onSelect: () => apply(api.post("/v1/sessions/{session_id}/restore", { params })) },
    { label: t("deleteForGood"), icon: Trash2, danger: true, onSelect: () => setAsking("delete") },
  ];
  return (
    <>
      <Menu
        label={t("actionsOf", { title })}
        trigger={<IconButton icon={EllipsisVertical} size="small" label={t("actionsOf", { title })} />}
        items={!mayWrite ? reading : session.deleted_at ? gone : writing}
      />
      <Suspense fallback={null}>
        {asking === "rename" && <RenameDialog session={session} onSave={changed} onOpenChange={close} />}
        {asking === "tags" && <TagsDialog session={session} onSave={changed} onOpenChange={close} />}
        {asking === "numbers" && <Numbers session={session} onOpenChange={close} />}
      </Suspense>
      <Confirm
        open={asking === "delete"}
        onOpenChange={close}
        title={t(session.deleted_at ? "deleteForGoodAsk" : "deleteAsk", { title })}
        about={t(session.deleted_at ? "deleteForGoodAbout" : "deleteAbout")}
        action={t(session.deleted_at ? "deleteForGood" : "delete")}
        onConfirm={destroy}
      />
    </>
  );
}
