/** An error as the server tells it (RFC 9457, with the code inside `error`), or what kept its answer from us. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 = no answer came. */
    readonly status: number,
    /** One of docs/reference/errors.md; `unreachable` = no answer came. */
    readonly code: string,
    message: string,
    readonly param: string | null = null,
    readonly requestId: string | null = null,
    /** Seconds to wait before asking again, where the server says so. */
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The error object inside a problem, an event of a stream, or a job. */
export interface ErrorObject {
  message: string;
  type?: string | null;
  param?: string | null;
  code?: string | null;
}

/** The error of an answer that is not a good one. */
export function problemOf(status: number, headers: Pick<Headers, "get">, text: string): ApiError {
  const requestId = headers.get("x-request-id");
  const after = Number(headers.get("retry-after"));
  const retryAfterS = Number.isFinite(after) && after > 0 ? after : null;
  let error: ErrorObject | undefined;
  try {
    error = (JSON.parse(text) as { error?: ErrorObject }).error;
  } catch {
    // A proxy in between answered in its own words; the status is what is known.
  }
  return new ApiError(
    status,
    error?.code ?? `http_${status}`,
    error?.message ?? `HTTP ${status}`,
    error?.param ?? null,
    requestId,
    retryAfterS,
  );
}

/** Any thrown thing as an ApiError, so that pages have one kind of error to show. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, "unreachable", error instanceof Error ? error.message : String(error));
}
