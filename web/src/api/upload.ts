import { ApiError, problemOf } from "./problem";

export interface Uploading {
  path: string;
  form: FormData;
  /** Told how much of the body has left, 0..1. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/**
 * Send a form with files and tell how far it is (fetch cannot); resolves with the answer's JSON.
 *
 * Throws ApiError, or an AbortError when `signal` ended it.
 */
export function upload<T>({ path, form, onProgress, signal, headers = {} }: Uploading): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve(JSON.parse(request.responseText) as T);
        return;
      }
      const found = { get: (name: string) => request.getResponseHeader(name) };
      reject(problemOf(request.status, found, request.responseText));
    };
    request.onerror = () => reject(new ApiError(0, "unreachable", "The upload was cut off."));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    const stop = (): void => request.abort();
    signal?.addEventListener("abort", stop, { once: true });
    request.onloadend = () => signal?.removeEventListener("abort", stop);
    if (signal?.aborted) reject(new DOMException("The upload was stopped.", "AbortError"));
    else request.send(form);
  });
}
