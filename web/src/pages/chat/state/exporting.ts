import { address, send } from "@/api/client";

import type { Session } from "./shapes";

/** Forms of a session as a file, and the ends of their names: `json` loses nothing, the others are what is shown now. */
const ENDS = { markdown: "md", txt: "txt", csv: "csv", json: "json" };
export type ExportForm = keyof typeof ENDS;

/** Save a session as a file. Throws ApiError. */
export async function saveExport(session: Session, format: ExportForm): Promise<void> {
  const answer = await send("get", address("/v1/sessions/{session_id}/export", { session_id: session.id }, { format }));
  const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "");
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = named?.[1] ?? `${session.id}.${ENDS[format]}`;
  link.click();
  URL.revokeObjectURL(url);
}
