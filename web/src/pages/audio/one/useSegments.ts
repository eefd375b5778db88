import { useQuery } from "@tanstack/react-query";

import { api } from "@/api/client";

import type { Said } from "../states";

const PAGE = 1000;

/** All segments of a recording, in order. */
export function useSegments(recordingId: string) {
  return useQuery({
    queryKey: ["segments", recordingId],
    queryFn: async ({ signal }) => {
      const found: Said[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof onePage>> = await onePage(recordingId, cursor, signal);
        found.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor !== null);
      return found;
    },
  });
}

function onePage(recordingId: string, cursor: string | null, signal: AbortSignal) {
  return api.get("/v1/recordings/{recording_id}/segments", {
    params: { recording_id: recordingId },
    query: { limit: PAGE, ...(cursor === null ? {} : { cursor }) },
    signal,
  });
}
