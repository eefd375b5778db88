import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, ErrorNotice } from "@/components";

import { useRenew, type Capability } from "../data";
import { differences } from "../json/differences";
import { Changes } from "./Changes";
import type { Tool } from "./servers";

/** A changed tool beside what was approved of it; taken over by its digest, so as it was looked at and no other. */
export function TakeOver({ tool, known, onTaken }: { tool: Tool; known: Capability; onTaken?: () => void }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const approve = useMutation({
    mutationFn: () => api.post("/v1/capabilities/import/mcp/approve", { body: { capability: tool.capability, digest: tool.digest } }),
    onSuccess: async () => {
      await renew("/v1/capabilities", "/v1/capabilities/{name}", "/v1/capabilities/{name}/versions");
      onTaken?.();
    },
  });
  if (tool.change === "gone") return <p>{t("servers.changes.gone")}</p>;
  const said = { description: known.description, input_schema: known.input_schema, output_schema: known.output_schema };
  const says = { description: tool.description, input_schema: tool.input_schema, output_schema: tool.output_schema };
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <dl className="grid gap-x-4 gap-y-1 text-sm sm:grid-cols-[auto_minmax(0,1fr)]">
        <dt className="text-muted">{t("servers.approved")}</dt>
        <dd>
          <code className="break-all">{tool.approved_digest}</code>
        </dd>
        <dt className="text-muted">{t("servers.now")}</dt>
        <dd>
          <code className="break-all">{tool.digest}</code>
        </dd>
      </dl>
      <Changes of={tool.capability} changes={differences(said, says)} />
      {approve.error && <ErrorNotice error={approve.error} />}
      <div>
        <Button size="small" look="primary" busy={approve.isPending} onClick={() => approve.mutate()}>
          {t("servers.approve", { name: tool.capability })}
        </Button>
      </div>
    </div>
  );
}
