import { address, send } from "@/api/client";

import type { Session } from "./shapes";

/** Save a session as a file: `json` loses nothing, `markdown` is the conversation as it is shown. Throws ApiError. */
export async function saveExport(session: Session, format: "json" | "markdown"): Promise<void> {
  const answer = await send("get", address("/v1/sessions/{session_id}/export", { session_id: session.id }, { format }));
  const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "");
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = named?.[1] ?? `${session.id}.${format === "json" ? "json" : "md"}`;
  link.click();
  URL.revokeObjectURL(url);
}
