import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { api, get, type Schemas } from "@/api/client";

export type Store = Schemas["StoreRead"];
export type StoreFile = Schemas["StoreFileRead"];
export type FileStatus = StoreFile["status"];
export type Passage = Schemas["ContentRead"];
export type Version = Schemas["IndexVersionRead"];
export type Citation = Schemas["CitationRead"];

export const STORES = "/v1/vector_stores";
export const STORE = "/v1/vector_stores/{vector_store_id}";
export const FILES = "/v1/vector_stores/{vector_store_id}/files";
export const FILE = "/v1/vector_stores/{vector_store_id}/files/{file_id}";
export const CONTENT = "/v1/vector_stores/{vector_store_id}/files/{file_id}/content";
export const VERSIONS = "/v1/vector_stores/{vector_store_id}/index_versions";

interface Asked {
  pageParam: string | null;
  signal: AbortSignal;
}

/** The collections, the newest first, for `useInfiniteQuery`. */
export const storePages = {
  queryKey: [STORES, "pages"],
  queryFn: ({ pageParam, signal }: Asked) => api.get(STORES, { query: { limit: 50, after: pageParam }, signal }),
  initialPageParam: null as string | null,
  getNextPageParam: (last: Schemas["StoreList"]) => last.next_cursor,
};

export interface Listed {
  status: FileStatus | null;
  order: "asc" | "desc";
}

/** The files of a collection, for `useInfiniteQuery`. */
export function filePages(storeId: string, listed: Listed) {
  return {
    queryKey: [FILES, storeId, listed],
    queryFn: ({ pageParam, signal }: Asked) =>
      api.get(FILES, {
        params: { vector_store_id: storeId },
        query: { limit: 50, after: pageParam, filter: listed.status, order: listed.order },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last: Schemas["StoreFileList"]) => last.next_cursor,
  };
}

/** What was read from a file, 500 passages in a page, for `useInfiniteQuery`. */
export function contentPages(storeId: string, fileId: string) {
  return {
    queryKey: [CONTENT, storeId, fileId],
    queryFn: ({ pageParam, signal }: Asked) =>
      api.get(CONTENT, {
        params: { vector_store_id: storeId, file_id: fileId },
        query: { page: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last: Schemas["ContentPage"]) => last.next_page,
  };
}

export function storeQuery(storeId: string) {
  return get(STORE, { params: { vector_store_id: storeId } });
}

export function versionsQuery(storeId: string) {
  return get(VERSIONS, { params: { vector_store_id: storeId } });
}

/** Have everything read again that is known of a collection and its files. */
export function useRefresh(): (storeId: string) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    async (storeId) => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: [STORES] }),
        queries.invalidateQueries({ queryKey: storeQuery(storeId).queryKey }),
        queries.invalidateQueries({ queryKey: [FILES, storeId] }),
        queries.invalidateQueries({ queryKey: versionsQuery(storeId).queryKey }),
      ]);
    },
    [queries],
  );
}

/** The names of the models that do something, e.g. `embeddings`; undefined while they are asked for. */
export function useModels(operation: string): string[] | undefined {
  const models = useQuery(get("/v1/models"));
  if (models.isError) return [];
  return models.data?.data.filter((one) => one.operations?.includes(operation)).map((one) => one.id);
}

/** A key under which a write that is sent again is done once; also where the page came over plain http. */
export function onceKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
