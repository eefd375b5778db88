import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import { useTranslation } from "react-i18next";

import { pages, type Schemas } from "@/api/client";
import { Async, EmptyState, Pager } from "@/components";

import { clock } from "../states";

/** Paragraphs that hold what is looked for; each leads to its moment in the recording. */
export function FoundList({ words }: { words: string }) {
  const { t } = useTranslation("audio");
  const found = useInfiniteQuery(pages("/v1/recordings/search", { query: { q: words } }));
  return (
    <Async query={found}>
      {(data) => {
        const hits = data.pages.flatMap((page) => page.data);
        const coming = data.pages.some((page) => page.index_state !== "ready");
        return (
          <>
            {coming && <p className="mb-3 text-sm text-muted">{t("found.coming")}</p>}
            {hits.length === 0 ? (
              <EmptyState icon={SearchX} title={t("found.none", { words })}>
                {t("found.noneAbout")}
              </EmptyState>
            ) : (
              <ul className="flex flex-col gap-2">
                {hits.map((hit, number) => (
                  <li key={`${hit.recording_id} ${number}`}>
                    <Hit hit={hit} />
                  </li>
                ))}
              </ul>
            )}
            <Pager query={found} />
          </>
        );
      }}
    </Async>
  );
}

function Hit({ hit }: { hit: Schemas["RecordingFound"] }) {
  return (
    <Link
      to="/audio/$recordingId"
      params={{ recordingId: hit.recording_id } as never}
      search={(hit.start_s === null ? {} : { at: hit.start_s }) as never}
      className="block rounded-lg border border-line bg-surface p-3 hover:border-accent"
    >
      <span className="flex flex-wrap items-baseline gap-x-3 text-sm text-muted">
        <bdi className="font-medium text-ink">{hit.title}</bdi>
        {hit.start_s !== null && <span className="tabular-nums">{clock(hit.start_s)}</span>}
        {hit.speaker && <bdi>{hit.speaker}</bdi>}
      </span>
      <span dir="auto" className="mt-1 block break-words">
        {hit.snippet.map((piece, number) =>
          piece.hit ? (
            <mark key={number} className="rounded-sm bg-accent-soft text-accent">
              {piece.text}
            </mark>
          ) : (
            <span key={number}>{piece.text}</span>
          ),
        )}
      </span>
    </Link>
  );
}
