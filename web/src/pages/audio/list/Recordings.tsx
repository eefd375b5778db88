import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { AudioLines, FileText } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { pages } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, EmptyState, PageBody, PageHeader, Pager } from "@/components";

import { DropZone } from "../new/DropZone";
import { SendingList } from "../new/SendingList";
import { isActive, type Recording } from "../states";
import { useSiteProgress } from "../useJobProgress";
import { FilterBar } from "./FilterBar";
import { FoundList } from "./FoundList";
import { RecordingTable } from "./RecordingTable";
import { useFilters, type Filters } from "./useFilters";

/** All recordings: bring new ones in, watch how they go, find them again. */
export function Recordings() {
  const { t } = useTranslation("audio");
  const maySend = useMay("audio:write") && useMay("inference");
  const [filters, change] = useFilters();
  return (
    <PageBody>
      <PageHeader
        title={t("title")}
        about={t("about")}
        actions={
          <Button asChild>
            <Link to="/audio/templates">
              <FileText aria-hidden className="size-4" />
              {t("templates.title")}
            </Link>
          </Button>
        }
      />
      {maySend && <DropZone />}
      <SendingList />
      <FilterBar filters={filters} onChange={change} />
      {filters.q ? <FoundList words={filters.q} /> : <RecordingList filters={filters} />}
    </PageBody>
  );
}

const DAY_MS = 86_400_000;
/** How often the list is asked for while something goes on, where no stream tells of it. */
const AGAIN_MS = 4_000;

function RecordingList({ filters }: { filters: Filters }) {
  const { t } = useTranslation("audio");
  const { status, kind, source, language, days } = filters;
  // To the hour: the query's key must not change with every drawing.
  const after = useMemo(
    () => (days ? new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - Number(days) * DAY_MS).toISOString() : undefined),
    [days],
  );
  const query = {
    status: status as Recording["status"] | undefined,
    kind: kind as Recording["kind"] | undefined,
    source: source as Recording["source"] | undefined,
    language,
    created_after: after,
  };
  const list = useInfiniteQuery({
    ...pages("/v1/recordings", { query }),
    refetchInterval: (now) => (now.state.data?.pages.some((page) => page.data.some(isActive)) ? AGAIN_MS : false),
  });
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const told = useSiteProgress(rows.some(isActive));
  const narrowed = Object.values(filters).some(Boolean);
  return (
    <Async query={list}>
      {() => (
        <>
          {rows.length > 0 ? (
            <RecordingTable rows={rows} told={told} />
          ) : (
            <EmptyState icon={AudioLines} title={narrowed ? t("empty.narrowed") : t("empty.title")}>
              {narrowed ? t("empty.narrowedAbout") : t("empty.about")}
            </EmptyState>
          )}
          <Pager query={list} />
        </>
      )}
    </Async>
  );
}
