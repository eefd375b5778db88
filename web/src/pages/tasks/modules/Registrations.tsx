import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Plug, RefreshCw } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, get, pages, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, Button, Confirm, Dialog, EmptyState, ErrorNotice, Pager, Spinner } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew, type Capability } from "../data";
import { Fold, To } from "../parts";

const RegisterForm = lazy(() => import("./RegisterForm"));

export type Registration = Schemas["RegistrationRead"];

/** Modules with paths of their own. */
export function Registrations() {
  const { t } = useTranslation("tasks");
  const mayChange = useMay("capabilities");
  const found = useInfiniteQuery(pages("/gateway/registrations", { query: { limit: 100 } }));
  const known = useQuery(get("/v1/capabilities", { query: { origin: "register", limit: 500 } }));
  const capabilities = new Map(((known.data?.data ?? []) as Capability[]).map((one) => [one.name, one]));
  const [shown, setShown] = useState<Registration | "new" | null>(null);
  return (
    <section aria-label={t("modules.registered")} className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="min-w-0 flex-1 text-lg font-semibold">{t("modules.registered")}</h2>
        {mayChange && (
          <Button icon={Plug} look="primary" onClick={() => setShown("new")}>
            {t("modules.register")}
          </Button>
        )}
      </div>
      <Async query={found}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.data);
          if (rows.length === 0) {
            return (
              <EmptyState icon={Plug} title={t("modules.noneRegistered")}>
                {t("modules.noneRegisteredAbout")}
              </EmptyState>
            );
          }
          return (
            <ul className="flex flex-col gap-3">
              {rows.map((one) => (
                <li key={one.id} className="min-w-0 rounded-lg border border-line bg-surface p-4">
                  <Module one={one} capabilities={capabilities} onChange={() => setShown(one)} />
                </li>
              ))}
            </ul>
          );
        }}
      </Async>
      <Pager query={found} />
      <Dialog
        wide
        title={shown === "new" || shown === null ? t("modules.register") : t("modules.again", { name: shown.name })}
        about={t("modules.registerAbout")}
        open={shown !== null}
        onOpenChange={(open) => !open && setShown(null)}
      >
        {shown !== null && (
          <Suspense fallback={<Spinner />}>
            <RegisterForm one={shown === "new" ? null : shown} capabilities={capabilities} onDone={() => setShown(null)} />
          </Suspense>
        )}
      </Dialog>
    </section>
  );
}

interface ModuleProps {
  one: Registration;
  capabilities: Map<string, Capability>;
  onChange: () => void;
}

function Module({ one, capabilities, onChange }: ModuleProps) {
  const { t } = useTranslation("tasks");
  const mayChange = useMay("capabilities");
  const drifted = one.routes.filter((route) => capabilities.get(route.capability)?.state === "drifted").length;
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="min-w-0 font-semibold break-all">
          <bdi>{one.name}</bdi>
        </h3>
        {drifted > 0 && <Badge kind="warn">{t("modules.driftedNumber", { number: drifted })}</Badge>}
        {one.raw && <Badge>{t("modules.raw")}</Badge>}
        <span dir="ltr" className="min-w-0 text-sm break-all text-muted">
          {one.base_url}
        </span>
      </div>
      <Fold title={t("modules.paths", { number: one.routes.length })}>
        <Paths one={one} capabilities={capabilities} />
      </Fold>
      {mayChange && <Actions one={one} onChange={onChange} />}
    </div>
  );
}

function Paths({ one, capabilities }: Omit<ModuleProps, "onChange">) {
  const { t } = useTranslation("tasks");
  return (
    <ul className="flex flex-col gap-2">
      {one.routes.map((route) => {
        const capability = capabilities.get(route.capability);
        return (
          <li key={`${route.method} ${route.gateway_path}`} className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1 text-sm">
            <code dir="ltr" className="break-all">
              {route.method} {route.gateway_path}
            </code>
            <To part="capabilities" id={route.capability}>
              {route.capability}
            </To>
            {capability && !capability.enabled && <Badge>{t("capabilities.off")}</Badge>}
            {capability?.state === "drifted" && <Badge kind="warn">{t("capabilities.drifted")}</Badge>}
            <span className="text-muted">{t(`modules.schemas.${route.schema_from}`)}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Actions({ one, onChange }: { one: Registration; onChange: () => void }) {
  const { t } = useTranslation("tasks");
  const frame = useTranslation("frame").t;
  const renew = useRenew();
  const params = { name: one.name };
  const look = useMutation({
    mutationFn: () => api.post("/gateway/registrations/{name}/check", { params }),
    onSuccess: () => renew("/v1/capabilities", "/v1/capabilities/{name}"),
  });
  const remove = async (): Promise<void> => {
    await api.delete("/gateway/registrations/{name}", { params });
    await renew("/gateway/registrations", "/v1/capabilities");
  };
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <Button
          size="small"
          icon={RefreshCw}
          busy={look.isPending}
          aria-label={t("capabilities.turn", { word: t("modules.look"), name: one.name })}
          onClick={() => look.mutate()}
        >
          {t("modules.look")}
        </Button>
        <Button size="small" aria-label={t("capabilities.turn", { word: t("edit.open"), name: one.name })} onClick={onChange}>
          {t("edit.open")}
        </Button>
        <Confirm
          title={t("capabilities.removeTitle", { name: one.name })}
          about={t("modules.removeAbout")}
          action={frame("delete")}
          onConfirm={remove}
          trigger={
            <Button size="small" aria-label={t("capabilities.turn", { word: frame("delete"), name: one.name })}>
              {frame("delete")}
            </Button>
          }
        />
      </div>
      {look.error && <ErrorNotice error={look.error} />}
      <div aria-live="polite">{look.data && <Health found={look.data} />}</div>
    </>
  );
}

function Health({ found }: { found: Schemas["RegistrationCheck"] }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <div role="region" aria-label={t("modules.health", { name: found.name })} className="flex flex-wrap items-center gap-2 text-sm">
      <Badge kind={found.status === null ? "bad" : "good"}>{found.status === null ? t("modules.silent") : t("modules.answers")}</Badge>
      {found.status !== null && (
        <span className="text-muted">
          {t("modules.status", { status: found.status })} · {format.duration(found.took_ms / 1000)}
        </span>
      )}
      {found.error && (
        <span className="text-bad">
          {t("modules.notLooked")} <code>{found.error}</code>
        </span>
      )}
      {!found.error && found.described && found.drifted.length === 0 && <span>{t("modules.noChange")}</span>}
      {!found.described && <span className="text-muted">{t("modules.undescribed")}</span>}
      {found.drifted.map((name) => (
        <span key={name} className="inline-flex items-center gap-1">
          <Badge kind="warn">{t("capabilities.drifted")}</Badge>
          <To part="capabilities" id={name}>
            {name}
          </To>
        </span>
      ))}
    </div>
  );
}
