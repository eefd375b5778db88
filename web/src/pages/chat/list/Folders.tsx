import { useQuery } from "@tanstack/react-query";
import { Archive, ChevronDown, Folder as FolderIcon, Inbox, Trash2, type LucideIcon } from "lucide-react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Button, Menu, type MenuItem } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Folder } from "../state/sessions";

const ICONS: Record<Folder["kind"], LucideIcon> = { all: Inbox, archived: Archive, deleted: Trash2, tag: FolderIcon };

/** Chooses what the list shows: all, the archive, what was deleted, or what has a tag. */
export function Folders({ folder, onChange }: { folder: Folder; onChange: (folder: Folder) => void }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const tags = useQuery(get("/v1/sessions/tags"));
  const label = folder.kind === "tag" ? folder.tag : t(`folder.${folder.kind}`);
  const Icon = ICONS[folder.kind];
  const kinds: Exclude<Folder["kind"], "tag">[] = ["all", "archived", "deleted"];
  const items: (MenuItem | "line")[] = kinds.map((kind) => ({
    label: t(`folder.${kind}`),
    checked: folder.kind === kind,
    onSelect: () => onChange({ kind }),
  }));
  const found = tags.data?.data ?? [];
  if (found.length) items.push("line");
  for (const { tag, sessions } of found) {
    items.push({
      label: (
        <span className="flex min-w-0 flex-1 items-center gap-3">
          <span dir="auto" className="min-w-0 max-w-48 flex-1 truncate">
            {tag}
          </span>
          <span className="text-sm text-muted tabular-nums">{number(sessions)}</span>
        </span>
      ),
      checked: folder.kind === "tag" && folder.tag === tag,
      onSelect: () => onChange({ kind: "tag", tag }),
    });
  }
  return (
    <Menu
      label={t("folders")}
      trigger={
        <Button size="small" look="ghost" className="justify-start!" aria-label={t("folderIs", { folder: label })}>
          <Icon aria-hidden className="size-4 text-muted" />
          <span dir="auto" className="match-parent min-w-0 flex-1 truncate">
            {label}
          </span>
          <ChevronDown aria-hidden className="size-4 text-muted" />
        </Button>
      }
      items={items}
    />
  );
}
