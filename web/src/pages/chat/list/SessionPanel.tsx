import { Link } from "@tanstack/react-router";
import { Search, SquarePen, X } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Button, IconButton, Input, Spinner } from "@/components";

import { usePanel } from "../state/panel";
import { useSessionPages, type Folder } from "../state/sessions";
import { Folders } from "./Folders";
import { SessionList } from "./SessionList";

const Found = lazy(() => import("./Found").then((part) => ({ default: part.Found })));

const TYPED_MS = 250;

/** The sessions: begin one, look for one, choose a folder, open one. */
export function SessionPanel({ current }: { current: string | undefined }) {
  const { t } = useTranslation("chat");
  const { setOpen } = usePanel();
  const mayWrite = useMay("chats:write");
  const { refresh } = useSessionPages();
  const [folder, setFolder] = useState<Folder>({ kind: "all" });
  const [words, setWords] = useState("");
  const wanted = useSettled(words.trim());
  useEffect(() => {
    const look = (): void => {
      // What cannot be read now stays as it was; the next look asks again.
      if (!document.hidden) refresh().catch(() => undefined);
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [refresh]);
  return (
    <>
      <div className="flex flex-col gap-2 p-3 pb-2">
        <div className="flex items-center gap-2">
          {mayWrite && (
            <Button asChild look="primary" className="flex-1">
              <Link to="/chat" onClick={() => setOpen(false)}>
                <SquarePen aria-hidden className="size-4" /> {t("new")}
              </Link>
            </Button>
          )}
          <IconButton icon={X} label={t("closeSessions")} className="md:hidden" onClick={() => setOpen(false)} />
        </div>
        <div className="relative">
          <Search aria-hidden className="pointer-events-none absolute start-2.5 top-1/2 size-4 -translate-y-1/2 text-muted" />
          <Input
            type="search"
            aria-label={t("search")}
            placeholder={t("searchShort")}
            value={words}
            onChange={(event) => setWords(event.target.value)}
            className="ps-8.5!"
          />
        </div>
        <Folders folder={folder} onChange={setFolder} />
      </div>
      {wanted ? (
        <Suspense fallback={<Spinner />}>
          <Found words={wanted} folder={folder} />
        </Suspense>
      ) : (
        <SessionList folder={folder} current={current} />
      )}
    </>
  );
}

/** A text as it stood when the typing paused. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), text ? TYPED_MS : 0);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
