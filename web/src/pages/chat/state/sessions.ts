import { keepPreviousData, useInfiniteQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, get, pages, type Answer } from "@/api/client";

import type { Session } from "./shapes";

/** Which sessions the list shows. */
export type Folder = { kind: "all" } | { kind: "archived" } | { kind: "deleted" } | { kind: "tag"; tag: string };

type Page = Answer<"/v1/sessions", "get">;
type Pages = InfiniteData<Page, string | null>;
type Query = NonNullable<Parameters<typeof api.get<"/v1/sessions">>[1]>["query"];

const KEY = "/v1/sessions";
const PAGE = 100;

function queryOf(folder: Folder, pinned: boolean): Query {
  if (folder.kind === "deleted") return { deleted: true, limit: PAGE };
  if (folder.kind === "archived") return { archived: true, limit: PAGE };
  const tag = folder.kind === "tag" ? { tag: folder.tag } : {};
  return { archived: false, pinned, limit: PAGE, ...tag };
}

/** Whether a session belongs into a list with these filters. */
function fits(session: Session, query: NonNullable<Query>): boolean {
  if (Boolean(query.deleted) !== (session.deleted_at !== null)) return false;
  if (typeof query.archived === "boolean" && query.archived !== session.archived) return false;
  if (typeof query.pinned === "boolean" && query.pinned !== session.pinned) return false;
  return !query.tag || session.tags.includes(query.tag);
}

/** A list of sessions, page by page, the newest first. */
export function useSessions(folder: Folder, pinned: boolean, enabled = true) {
  const options = pages(KEY, { query: queryOf(folder, pinned) });
  return useInfiniteQuery({
    ...options,
    enabled,
    // Reading a hundred pages anew because of one change would be no favour: `touch` puts changes in their place.
    staleTime: Infinity,
    refetchOnMount: false,
    placeholderData: keepPreviousData,
    // Comparing ten thousand sessions field by field with each page that comes would hold up the page.
    structuralSharing: false,
  });
}

function without(data: Pages, id: string): Pages {
  const found = data.pages.some((page) => page.data.some((one) => one.id === id));
  if (!found) return data;
  return { ...data, pages: data.pages.map((page) => ({ ...page, data: page.data.filter((one) => one.id !== id) })) };
}

function placed(data: Pages, session: Session): Pages {
  const here = data.pages.flatMap((page) => page.data).find((one) => one.id === session.id);
  if (here?.version === session.version) return data;
  const rest = without(data, session.id);
  const [first, ...others] = rest.pages;
  if (!first) return data;
  const rows = [...first.data, session].sort((one, other) => other.updated_at.localeCompare(one.updated_at));
  return { ...rest, pages: [{ ...first, data: rows }, ...others] };
}

/** Changes of the lists that are loaded, without reading them anew. */
export function useSessionPages() {
  const queries = useQueryClient();
  return useMemo(() => {
    const each = (change: (data: Pages, query: NonNullable<Query>) => Pages): void => {
      for (const [key, data] of queries.getQueriesData<Pages>({ queryKey: [KEY, "pages"] })) {
        if (!data) continue;
        const { query } = key[2] as { query: NonNullable<Query> };
        queries.setQueryData(key, change(data, query));
      }
    };
    /** A session that is new or was changed: into the lists where it belongs, out of the others. */
    const touch = (session: Session): void => {
      each((data, query) => (fits(session, query) ? placed(data, session) : without(data, session.id)));
    };
    /** A session that is gone for good. */
    const remove = (id: string): void => each((data) => without(data, id));
    /** What others did since: the first page of each list that is shown. */
    const refresh = async (): Promise<void> => {
      const shown = queries.getQueryCache().findAll({ queryKey: [KEY, "pages"], type: "active" });
      for (const { queryKey } of shown) {
        if (!queries.getQueryData(queryKey)) continue;
        const { query } = queryKey[2] as { query: NonNullable<Query> };
        const page = await queries.fetchQuery({ ...get(KEY, { query }), staleTime: 0 });
        for (const session of [...page.data].reverse()) touch(session);
      }
    };
    const changed = async (session: Promise<Session>): Promise<Session> => {
      const known = await session;
      touch(known);
      void queries.invalidateQueries({ queryKey: ["/v1/sessions/tags"] });
      return known;
    };
    return { touch, remove, refresh, changed };
  }, [queries]);
}

export type SessionPages = ReturnType<typeof useSessionPages>;
