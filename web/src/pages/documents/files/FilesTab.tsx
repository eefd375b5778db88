import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowDownUp, FileText, Link2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Async, Button, EmptyState, Pager } from "@/components";

import { filePages, type FileStatus, type Store } from "../data";
import { Preview, type Shown } from "../preview/Preview";
import { PickFiles } from "../uploads/PickFiles";
import { UploadPanel } from "../uploads/UploadPanel";
import { useUploads } from "../uploads/UploadsProvider";
import { AddressDialog } from "./AddressDialog";
import { FileTable } from "./FileTable";
import { useIngestion } from "./live";
import { StatusFilter } from "./StatusFilter";

/** How often the list looks by itself while files are worked on: where events tell it as well, and where not. */
const LOOK_FOLLOWED_MS = 4_000;
const LOOK_ALONE_MS = 1_500;

/** The files of a collection: bring some, watch how they are taken in, look at what was read. */
export function FilesTab({ store, mayWrite, mayUpload }: { store: Store; mayWrite: boolean; mayUpload: boolean }) {
  const { t } = useTranslation("documents");
  const { queue, uploads } = useUploads(store.id);
  const [status, setStatus] = useState<FileStatus | null>(null);
  const [order, setOrder] = useState<"asc" | "desc">("desc");
  const [adding, setAdding] = useState(false);
  const [shown, setShown] = useState<Shown | null>(null);
  const active = store.file_counts.in_progress > 0;
  const { steps, followed } = useIngestion(store.id, active);
  const files = useInfiniteQuery({
    ...filePages(store.id, { status, order }),
    refetchInterval: active ? (followed ? LOOK_FOLLOWED_MS : LOOK_ALONE_MS) : false,
    placeholderData: (before) => before,
  });
  return (
    <div className="flex flex-col gap-4">
      {mayWrite && (
        <div className="flex flex-wrap items-center gap-2">
          {mayUpload && <PickFiles onFiles={(chosen) => queue.add(store.id, chosen)} />}
          <Button icon={Link2} onClick={() => setAdding(true)}>
            {t("files.fromAddress")}
          </Button>
          {mayUpload && <p className="text-sm text-muted max-sm:hidden">{t("files.orDrop")}</p>}
        </div>
      )}
      <UploadPanel storeId={store.id} queue={queue} uploads={uploads} />
      {store.file_counts.total > 0 && (
        <div className="flex flex-wrap items-center justify-between gap-2">
          <StatusFilter counts={store.file_counts} value={status} onChange={setStatus} />
          <Button size="small" look="ghost" icon={ArrowDownUp} onClick={() => setOrder(order === "asc" ? "desc" : "asc")}>
            {order === "desc" ? t("files.newest") : t("files.oldest")}
          </Button>
        </div>
      )}
      <Async query={files}>
        {(data) => (
          <div>
            <FileTable
              store={store}
              files={data.pages.flatMap((page) => page.data)}
              steps={steps}
              mayWrite={mayWrite}
              onShow={(file) => setShown({ storeId: store.id, fileId: file.id, filename: file.filename })}
              empty={
                <EmptyState icon={FileText} title={status ? t("files.noneSuch") : t("files.none")}>
                  {status ? null : t("files.noneAbout")}
                </EmptyState>
              }
            />
            <Pager query={files} />
          </div>
        )}
      </Async>
      {adding && <AddressDialog storeId={store.id} onClose={() => setAdding(false)} />}
      {shown && <Preview shown={shown} onClose={() => setShown(null)} />}
    </div>
  );
}
