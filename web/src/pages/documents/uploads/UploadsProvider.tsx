import { useBlocker } from "@tanstack/react-router";
import { createContext, useContext, useState, useSyncExternalStore, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Confirm } from "@/components";

import { useRefresh } from "../data";
import { UploadQueue, type Upload } from "./queue";

const UploadsContext = createContext<UploadQueue | null>(null);

/** The uploads of all collections: they go on from page to page of the documents. */
export function useUploads(storeId: string): { queue: UploadQueue; uploads: readonly Upload[] } {
  const queue = useContext(UploadsContext);
  if (!queue) throw new Error("useUploads is used below UploadsProvider.");
  const all = useSyncExternalStore(queue.subscribe, queue.snapshot);
  return { queue, uploads: all.filter((one) => one.storeId === storeId) };
}

export function UploadsProvider({ children }: { children: ReactNode }) {
  const refresh = useRefresh();
  const [queue] = useState(() => new UploadQueue((storeId) => void refresh(storeId)));
  return (
    <UploadsContext value={queue}>
      {children}
      <Leaving queue={queue} />
    </UploadsContext>
  );
}

const GOING = new Set(["waiting", "sending", "adding"]);

/** Whoever leaves the documents while files are on their way is asked first. */
function Leaving({ queue }: { queue: UploadQueue }) {
  const { t } = useTranslation("documents");
  const going = useSyncExternalStore(queue.subscribe, queue.snapshot).filter((one) => GOING.has(one.state));
  const blocker = useBlocker({
    shouldBlockFn: ({ next }) => going.length > 0 && !next.pathname.includes("/documents"),
    enableBeforeUnload: () => going.length > 0,
    withResolver: true,
  });
  return (
    <Confirm
      title={t("uploads.leaveTitle")}
      about={t("uploads.leaveAbout", { count: going.length })}
      action={t("uploads.leave")}
      open={blocker.status === "blocked"}
      onOpenChange={(open) => {
        if (!open) blocker.reset?.();
      }}
      onConfirm={async () => {
        for (const one of going) queue.stop(one.id);
        blocker.proceed?.();
      }}
    />
  );
}
