import { Archive, Folder, PanelLeft } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Badge, IconButton } from "@/components";

import { SessionActions } from "./SessionActions";
import { usePanel } from "./state/panel";
import type { Session } from "./state/shapes";

const TAGS_SHOWN = 3;

/** Opens the list of sessions where it lies over the page. */
export function PanelButton() {
  const { t } = useTranslation("chat");
  const { open, setOpen } = usePanel();
  return (
    <IconButton
      icon={PanelLeft}
      mirrored
      label={t("openSessions")}
      aria-expanded={open}
      aria-controls="sessions"
      className="md:hidden"
      onClick={() => setOpen(true)}
    />
  );
}

export function SessionHeader({ session }: { session: Session }) {
  const { t } = useTranslation("chat");
  return (
    <header className="flex min-h-13 items-center gap-2 border-b border-line bg-surface px-2 md:ps-5">
      <PanelButton />
      <h2 dir="auto" className="match-parent min-w-0 flex-1 truncate font-semibold">
        {session.title || t("untitled")}
      </h2>
      {session.archived && (
        <Badge>
          <Archive aria-hidden className="size-3" /> {t("archived")}
        </Badge>
      )}
      <span className="flex gap-1 max-sm:hidden">
        {session.tags.slice(0, TAGS_SHOWN).map((tag) => (
          <Badge key={tag}>
            <Folder aria-hidden className="size-3" />
            <bdi className="max-w-32 truncate">{tag}</bdi>
          </Badge>
        ))}
      </span>
      <SessionActions session={session} />
    </header>
  );
}
