import { CircleStop, Download, Ellipsis, Eye, RotateCw, Tags, Trash2, Unlink } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Confirm, IconButton, Menu, useToast, type MenuItem } from "@/components";

import type { Store, StoreFile } from "../data";
import { useFileActions } from "./actions";
import { AttributesDialog } from "./AttributesDialog";
import { nameOf } from "./FileTable";

export interface FileMenuProps {
  store: Store;
  file: StoreFile;
  mayWrite: boolean;
  onShow: (file: StoreFile) => void;
}

/** What can be done with a file. */
export function FileMenu({ store, file, mayWrite, onShow }: FileMenuProps) {
  const { t } = useTranslation("documents");
  const toast = useToast();
  const may = { read: useMay("files:read"), erase: useMay("files:write") && mayWrite, stop: useMay("jobs:write") };
  const actions = useFileActions(store.id);
  const [open, setOpen] = useState<"attributes" | "remove" | "erase" | null>(null);
  const name = nameOf(file);
  const ends = file.status === "failed" || file.status === "cancelled";
  const run = (done: Promise<void>): void => void done.catch((error: unknown) => toast.failed(error));
  const items: (MenuItem | "line")[] = [];
  if (file.searchable) items.push({ label: t("files.preview"), icon: Eye, onSelect: () => onShow(file) });
  if (may.read && file.bytes > 0) items.push({ label: t("files.download"), icon: Download, onSelect: () => download(file) });
  if (mayWrite) items.push({ label: t("files.attributes"), icon: Tags, onSelect: () => setOpen("attributes") });
  if (mayWrite && ends) items.push({ label: t("retry"), icon: RotateCw, onSelect: () => run(actions.retry(file)) });
  if (may.stop && file.status === "in_progress" && file.job_id !== null) {
    items.push({ label: t("files.stop"), icon: CircleStop, onSelect: () => run(actions.stop(file)) });
  }
  if (mayWrite) items.push("line", { label: t("files.remove"), icon: Unlink, onSelect: () => setOpen("remove") });
  if (may.erase && file.bytes > 0) {
    items.push({ label: t("files.erase"), icon: Trash2, danger: true, onSelect: () => setOpen("erase") });
  }
  if (items.length === 0) return null;
  const label = t("files.actions", { name });
  return (
    <>
      <Menu label={label} trigger={<IconButton size="small" icon={Ellipsis} label={label} />} items={items} />
      {open === "attributes" && (
        <AttributesDialog file={file} onSave={(attributes) => actions.describe(file, attributes)} onClose={() => setOpen(null)} />
      )}
      <Confirm
        title={t("files.removeTitle", { name })}
        about={t("files.removeAbout")}
        action={t("files.remove")}
        open={open === "remove"}
        onOpenChange={(now) => setOpen(now ? "remove" : null)}
        onConfirm={() => actions.remove(file)}
      />
      <Confirm
        title={t("files.eraseTitle", { name })}
        about={t("files.eraseAbout")}
        action={t("files.erase")}
        open={open === "erase"}
        onOpenChange={(now) => setOpen(now ? "erase" : null)}
        onConfirm={() => actions.erase(file)}
      />
    </>
  );
}

/** The file as it was sent; the server answers a download, whatever it is. */
function download(file: StoreFile): void {
  const link = document.createElement("a");
  link.href = `/v1/files/${encodeURIComponent(file.id)}/content`;
  link.download = "";
  link.click();
}
