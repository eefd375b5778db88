import { useQuery } from "@tanstack/react-query";
import { Cable } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, Button, Dialog, EmptyState, Spinner } from "@/components";

import type { Capability } from "../data";
import { serverOf, type Server } from "../importing/servers";
import { Fold, To } from "../parts";

const McpForm = lazy(() => import("../importing/McpForm"));

/** MCP servers whose tools are capabilities, each pinned by its digest. */
export function Servers() {
  const { t } = useTranslation("tasks");
  const mayChange = useMay("capabilities");
  const found = useQuery(get("/v1/capabilities", { query: { origin: "mcp", limit: 500 } }));
  const [shown, setShown] = useState<Server | "new" | null>(null);
  return (
    <section aria-label={t("servers.title")} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="min-w-0 flex-1 text-lg font-semibold">{t("servers.title")}</h2>
        {mayChange && (
          <Button icon={Cable} onClick={() => setShown("new")}>
            {t("servers.add")}
          </Button>
        )}
      </div>
      <Async query={found}>
        {(data) => {
          const servers = byServer((data.data as Capability[]).filter((one) => one.own));
          if (servers.length === 0) return <EmptyState icon={Cable} title={t("servers.noServers")} />;
          return (
            <ul className="flex flex-col gap-3">
              {servers.map(([name, tools]) => (
                <li key={name} className="min-w-0 rounded-lg border border-line bg-surface p-4">
                  <OneServer name={name} tools={tools} onLook={mayChange ? () => setShown(serverOf(tools[0]!)) : undefined} />
                </li>
              ))}
            </ul>
          );
        }}
      </Async>
      <Dialog
        wide
        title={t("import.kinds.mcp.title")}
        about={t("import.kinds.mcp.about")}
        open={shown !== null}
        onOpenChange={(open) => !open && setShown(null)}
      >
        {shown !== null && (
          <Suspense fallback={<Spinner />}>
            <McpForm server={shown === "new" ? undefined : shown} onDone={() => setShown(null)} />
          </Suspense>
        )}
      </Dialog>
    </section>
  );
}

function byServer(tools: Capability[]): [string, Capability[]][] {
  const found = new Map<string, Capability[]>();
  for (const one of tools) found.set(one.origin_ref, [...(found.get(one.origin_ref) ?? []), one]);
  return [...found];
}

function OneServer({ name, tools, onLook }: { name: string; tools: Capability[]; onLook?: () => void }) {
  const { t } = useTranslation("tasks");
  const drifted = tools.filter((one) => one.state === "drifted").length;
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <h3 dir="ltr" className="min-w-0 font-semibold break-all">
          {name}
        </h3>
        {drifted > 0 && <Badge kind="warn">{t("modules.driftedNumber", { number: drifted })}</Badge>}
      </div>
      <Fold title={t("servers.number", { number: tools.length })}>
        <ul className="flex flex-col gap-1">
          {tools.map((one) => (
            <li key={one.id} className="flex min-w-0 flex-wrap items-center gap-2 text-sm">
              <To part="capabilities" id={one.name}>
                {one.name}
              </To>
              {!one.enabled && <Badge>{t("capabilities.off")}</Badge>}
              {one.state === "drifted" && <Badge kind="warn">{t("capabilities.drifted")}</Badge>}
            </li>
          ))}
        </ul>
      </Fold>
      {onLook && (
        <div>
          <Button size="small" aria-label={t("capabilities.turn", { word: t("servers.look"), name })} onClick={onLook}>
            {t("servers.look")}
          </Button>
        </div>
      )}
    </div>
  );
}
