import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { EllipsisVertical, Pin } from "lucide-react";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { IconButton } from "@/components";

import type { Session } from "../state/shapes";
import { SessionActions } from "../SessionActions";
import { usePanel } from "../state/panel";

/** A session in the list: its title, and what can be done with it. */
export const SessionRow = memo(function SessionRow({ session, current }: { session: Session; current: boolean }) {
  const { t } = useTranslation("chat");
  const { setOpen } = usePanel();
  const mayWrite = useMay("chats:write");
  const [touched, setTouched] = useState(false);
  const title = session.title || t("untitled");
  return (
    <div
      onPointerEnter={() => setTouched(true)}
      onFocus={() => setTouched(true)}
      className={clsx(
        "group flex min-h-10 items-center rounded-md",
        current ? "bg-accent-soft text-accent" : "hover:bg-sunken",
      )}
    >
      <Link
        to="/chat/$sessionId"
        params={{ sessionId: session.id }}
        preload={false}
        aria-current={current ? "page" : undefined}
        onClick={() => setOpen(false)}
        className="flex min-w-0 flex-1 items-center gap-2 self-stretch rounded-md px-2"
      >
        <span dir="auto" className={clsx("match-parent min-w-0 flex-1 truncate", !session.title && "text-muted")}>
          {title}
        </span>
        {session.pinned && <Pin aria-hidden className="size-3.5 shrink-0 text-muted" />}
      </Link>
      {mayWrite && (
        <span className={clsx("shrink-0", !current && "md:opacity-0 md:group-focus-within:opacity-100 md:group-hover:opacity-100")}>
          {/* Ten thousand menus would be ten thousand too many: a row gets its own when it is pointed at. */}
          {touched || current ? (
            <SessionActions session={session} />
          ) : (
            <IconButton icon={EllipsisVertical} size="small" label={t("actionsOf", { title })} onClick={() => setTouched(true)} />
          )}
        </span>
      )}
    </div>
  );
});
