import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Download, FileQuestion } from "lucide-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, Dialog, EmptyState, Pager, Spinner } from "@/components";

import { contentPages, FILE, type Passage } from "../data";
import type { Span } from "../text";
import { PageImage } from "./PageImage";
import { PassageView } from "./PassageView";

/** What of which file is looked at. */
export interface Shown {
  storeId: string;
  fileId: string;
  filename: string;
  /** The passage to open it at, by its place in the whole text, in characters. */
  at?: { start: number; end: number };
  /** What is marked, likewise. */
  marks?: readonly Span[];
}

/** What was read from a file, passage by passage, beside the page; opened at a passage where one is named. */
export function Preview({ shown, onClose }: { shown: Shown; onClose: () => void }) {
  const { t } = useTranslation("documents");
  const mayRead = useMay("files:read");
  const file = useQuery(get(FILE, { params: { vector_store_id: shown.storeId, file_id: shown.fileId } }));
  const kind = mayRead ? (file.data?.content_type ?? "") : "";
  const content = useInfiniteQuery({ ...contentPages(shown.storeId, shown.fileId), staleTime: 30_000 });
  const { at } = shown;
  const last = content.data?.pages.at(-1)?.data.at(-1);
  const wanted = at !== undefined && last !== undefined && last.end <= at.start && content.hasNextPage;
  const { fetchNextPage, isFetchingNextPage } = content;
  useEffect(() => {
    if (wanted && !isFetchingNextPage) void fetchNextPage();
  }, [wanted, isFetchingNextPage, fetchNextPage]);
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      place="side"
      wide
      title={shown.filename}
      about={t("preview.about")}
      footer={
        mayRead && (
          <Button asChild>
            <a href={`/v1/files/${encodeURIComponent(shown.fileId)}/content`} download>
              <Download aria-hidden className="size-4" />
              {t("files.download")}
            </a>
          </Button>
        )
      }
    >
      {kind.startsWith("image/") && <PageImage fileId={shown.fileId} filename={shown.filename} page={1} />}
      <Async query={content}>
        {(data) => (
          <>
            <Passages passages={data.pages.flatMap((page) => page.data)} shown={shown} hasPages={kind === "application/pdf"} />
            {wanted ? <Spinner /> : <Pager query={content} />}
          </>
        )}
      </Async>
    </Dialog>
  );
}

function Passages({ passages, shown, hasPages }: { passages: Passage[]; shown: Shown; hasPages: boolean }) {
  const { t } = useTranslation("documents");
  const { at, marks = [] } = shown;
  if (passages.length === 0) return <EmptyState icon={FileQuestion} title={t("preview.none")} />;
  // Of overlapping passages (fixed sizes) it is the one that begins there.
  const target = at === undefined ? -1 : passages.findIndex((one) => one.start === at.start && one.end === at.end);
  return (
    <ol className="flex flex-col gap-3">
      {passages.map((passage, index) => (
        <PassageView
          key={`${passage.start}-${index}`}
          passage={passage}
          number={index + 1}
          current={index === target}
          marks={index === target ? marks : []}
          drawn={hasPages ? shown : undefined}
        />
      ))}
    </ol>
  );
}
