import { queryOptions, type UseQueryOptions } from "@tanstack/react-query";

import { ApiError, problemOf } from "./problem";
import type { components, paths } from "./schema";

/** The schemas of the API by name, e.g. `Schemas["KeyRead"]`. */
export type Schemas = components["schemas"];

type Method = "get" | "post" | "put" | "patch" | "delete";
type Operation<P extends keyof paths, M extends Method> = paths[P][M];

/** Paths that take a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: Operation<P, M> extends { responses: unknown } ? P : never;
}[keyof paths];

type JsonOf<Response> = Response extends { content: { "application/json": infer Body } } ? Body : unknown;

/** The body of a path's good answer. */
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202)]> : never;

type ParamsOf<Op> = Op extends { parameters: { path: infer T extends object } } ? { params: T } : { params?: never };
type QueryOf<Op> = Op extends { parameters: { query?: infer T } } ? NonNullable<T> : never;
type BodyOf<Op> = Op extends { requestBody: { content: { "application/json": infer T } } }
  ? { body: T }
  : Op extends { requestBody?: { content: { "application/json": infer T } } }
    ? { body?: T }
    : { body?: never };

/** What a request takes: `params` fills the path, `query` the query string, `body` is sent as JSON. */
export type Options<P extends keyof paths, M extends Method> = ParamsOf<Operation<P, M>> &
  BodyOf<Operation<P, M>> & {
    query?: QueryOf<Operation<P, M>>;
    headers?: Record<string, string>;
    signal?: AbortSignal;
  };

type Arguments<P extends keyof paths, M extends Method> =
  Record<string, never> extends Options<P, M> ? [options?: Options<P, M>] : [options: Options<P, M>];

interface Loose {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Told when the server no longer knows who we are; set once, by the application. */
let signedOut: () => void = () => undefined;
export function onSignedOut(callback: () => void): void {
  signedOut = callback;
}

/** A path with its parameters filled in and its query behind it; what is undefined or null is left out. */
export function address(path: string, params: Record<string, unknown> = {}, query: Record<string, unknown> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

/**
 * Send a request and hand back its answer as it is, for streams and files.
 *
 * Throws ApiError for every answer that is not a good one, and when none came; an abort stays an AbortError.
 */
export async function send(method: string, url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, method: method.toUpperCase(), credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", error instanceof Error ? error.message : String(error));
  }
  if (response.ok) return response;
  const error = problemOf(response.status, response.headers, await response.text());
  if (error.status === 401 && !url.startsWith("/console/")) signedOut();
  throw error;
}

async function json(method: string, path: string, options: Loose = {}): Promise<unknown> {
  const { params, query, body, headers, signal } = options;
  const response = await send(method, address(path, params, query), {
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  const text = await response.text();
  return text ? JSON.parse(text) : undefined;
}

/** The API with the types of its own OpenAPI document: `await api.get("/v1/keys", { query: { limit: 20 } })`. */
export const api = {
  get: <P extends PathOf<"get">>(path: P, ...[options]: Arguments<P, "get">) =>
    json("get", path, options as Loose) as Promise<Answer<P, "get">>,
  post: <P extends PathOf<"post">>(path: P, ...[options]: Arguments<P, "post">) =>
    json("post", path, options as Loose) as Promise<Answer<P, "post">>,
  put: <P extends PathOf<"put">>(path: P, ...[options]: Arguments<P, "put">) =>
    json("put", path, options as Loose) as Promise<Answer<P, "put">>,
  patch: <P extends PathOf<"patch">>(path: P, ...[options]: Arguments<P, "patch">) =>
    json("patch", path, options as Loose) as Promise<Answer<P, "patch">>,
  delete: <P extends PathOf<"delete">>(path: P, ...[options]: Arguments<P, "delete">) =>
    json("delete", path, options as Loose) as Promise<Answer<P, "delete">>,
};

/** For `useQuery`: `useQuery(get("/v1/keys", { query: { limit: 20 } }))`; its key is `[path, options]`. */
export function get<P extends PathOf<"get">>(path: P, ...[options]: Arguments<P, "get">) {
  const loose = (options ?? {}) as Loose;
  const { params = {}, query = {} } = loose;
  return queryOptions({
    queryKey: [path, { params, query }] as const,
    queryFn: ({ signal }) => json("get", path, { ...loose, signal }) as Promise<Answer<P, "get">>,
  });
}

/** For `useInfiniteQuery` over a list with `next_cursor`. */
export function pages<P extends PathOf<"get">>(path: P, ...[options]: Arguments<P, "get">) {
  const loose = (options ?? {}) as Loose;
  const { params = {}, query = {} } = loose;
  return {
    queryKey: [path, "pages", { params, query }] as const,
    queryFn: ({ pageParam, signal }: { pageParam: string | null; signal: AbortSignal }) =>
      json("get", path, { ...loose, query: { ...query, cursor: pageParam }, signal }) as Promise<Answer<P, "get">>,
    initialPageParam: null as string | null,
    getNextPageParam: (last: Answer<P, "get">) =>
      ((last as { next_cursor?: string | null }).next_cursor ?? null) as string | null,
  };
}

/** Options of a query that a page repeats while it is looked at. */
export type Repeat = Pick<UseQueryOptions, "refetchInterval">;
