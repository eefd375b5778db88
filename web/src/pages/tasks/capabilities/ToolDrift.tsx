import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Async, Panel } from "@/components";

import type { Capability } from "../data";
import { TakeOver } from "../importing/TakeOver";
import { serverOf } from "../importing/servers";

/** What an MCP server says now of a tool that is off, because it is another one than was approved. */
export function ToolDrift({ one }: { one: Capability }) {
  const { t } = useTranslation("tasks");
  const tool = String(one.endpoint?.tool ?? "");
  const found = useQuery({
    queryKey: ["/v1/capabilities/import/mcp", one.name],
    // It only looks: nothing is written without `apply`.
    queryFn: () => api.post("/v1/capabilities/import/mcp", { body: { ...serverOf(one), include: [literal(tool)], apply: false } }),
    retry: false,
  });
  return (
    <Panel title={t("drift.title")}>
      <p className="mb-2 text-muted">{t("servers.pinned")}</p>
      <Async query={found}>
        {(data) => {
          const now = data.tools.find((it) => it.capability === one.name);
          return now && <TakeOver tool={now} known={one} />;
        }}
      </Async>
    </Panel>
  );
}

/** A name as a pattern that fits it alone. */
function literal(tool: string): string {
  return tool.replace(/[*?[]/g, "[$&]");
}
