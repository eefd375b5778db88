import { useMutation, useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api, get, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { Button, ErrorNotice, Panel } from "@/components";

import { useRenew, type Capability } from "../data";
import { To } from "../parts";
import { Registrations } from "./Registrations";
import { Servers } from "./Servers";
import { Sources } from "./Sources";

/** Where capabilities come from: registered modules, documents, MCP servers; what changed there, and looking again. */
export default function Modules() {
  const { t } = useTranslation("tasks");
  const mayChange = useMay("capabilities");
  return (
    <section className="flex flex-col gap-4">
      <p className="max-w-prose text-muted">{t("modules.about")}</p>
      <Drifted />
      {mayChange && <LookAtAll />}
      <Registrations />
      {mayChange && <Sources />}
      <Servers />
    </section>
  );
}

function Drifted() {
  const { t } = useTranslation("tasks");
  const found = useQuery(get("/v1/capabilities", { query: { state: "drifted", limit: 500 } }));
  const own = ((found.data?.data ?? []) as Capability[]).filter((one) => one.own);
  if (own.length === 0) return null;
  return (
    <Panel title={t("modules.drifted")}>
      <p className="mb-2 text-muted">{t("modules.driftedAbout")}</p>
      <ul className="flex flex-col gap-1">
        {own.map((one) => (
          <li key={one.id}>
            <To part="capabilities" id={one.name}>
              {one.name}
            </To>{" "}
            <span className="text-sm text-muted">{t(`origins.${one.origin}`)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface Found {
  sources: Schemas["DriftCheck"];
  servers: Schemas["McpChecked"];
}

function LookAtAll() {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const look = useMutation({
    mutationFn: async (): Promise<Found> => {
      const [sources, servers] = await Promise.all([
        api.post("/v1/capabilities/import/check"),
        api.post("/v1/capabilities/import/mcp/check"),
      ]);
      return { sources, servers };
    },
    onSuccess: () => renew("/v1/capabilities", "/v1/capabilities/{name}", "/v1/capabilities/import/sources"),
  });
  return (
    <div className="flex flex-col gap-3">
      <div>
        <Button icon={RefreshCw} busy={look.isPending} onClick={() => look.mutate()}>
          {t("modules.lookAtAll")}
        </Button>
      </div>
      {look.error && <ErrorNotice error={look.error} />}
      <div aria-live="polite">{look.data && <Result found={look.data} />}</div>
    </div>
  );
}

function Result({ found: { sources, servers } }: { found: Found }) {
  const { t } = useTranslation("tasks");
  return (
    <div role="region" aria-label={t("modules.found")} className="flex flex-col gap-1 rounded-lg border border-line p-3 text-sm">
      <p>{t("modules.sourcesLooked", { number: sources.sources, failed: sources.failed })}</p>
      <p>{t("modules.serversLooked", { number: servers.checked, failed: Object.keys(servers.unreachable).length })}</p>
      <Names label={t("modules.newlyDrifted")} names={[...sources.drifted, ...servers.disabled]} />
      <Names label={t("modules.settled")} names={sources.settled} />
      {Object.entries(servers.unreachable).map(([server, why]) => (
        <p key={server} className="break-words text-bad">
          <bdi className="break-all">{server}</bdi>: <bdi>{why}</bdi>
        </p>
      ))}
    </div>
  );
}

function Names({ label, names }: { label: string; names: string[] }) {
  if (names.length === 0) return null;
  return (
    <p className="flex flex-wrap items-center gap-x-2">
      <span>{label}</span>
      {names.map((name) => (
        <To key={name} part="capabilities" id={name}>
          {name}
        </To>
      ))}
    </p>
  );
}
