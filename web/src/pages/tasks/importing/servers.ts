import type { Schemas } from "@/api/client";

import type { Capability } from "../data";

export type Tool = Schemas["McpTool"];

export const CHANGE_KINDS = { new: "good", same: "neutral", changed: "warn", gone: "warn", unusable: "bad" } as const;

/** How a server is named when it is asked for its tools: by its address, or as a program of the settings. */
export type Server = { url: string } | { server: string };

/** The server of a tool. */
export function serverOf(one: Capability): Server {
  return typeof one.endpoint?.server === "string" ? { server: one.endpoint.server } : { url: one.origin_ref };
}
