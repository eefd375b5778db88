import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, get, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { Badge, Button, ErrorNotice, Field, Input, Json, Select, useToast } from "@/components";

import { useRenew } from "../data";
import { Fold } from "../parts";
import { CHANGE_KINDS, type Server, type Tool } from "./servers";
import { TakeOver } from "./TakeOver";
import { words } from "./looking";

interface Asked {
  way: "url" | "server";
  where: string;
  bearer: string;
  prefix: string;
  include: string;
}

function bodyOf(asked: Asked, apply: boolean): Schemas["McpImport"] {
  const where = asked.where.trim();
  const include = words(asked.include);
  return {
    ...(asked.way === "url" ? { url: where } : { server: where }),
    auth: asked.bearer ? { bearer: asked.bearer, headers: {} } : undefined,
    prefix: asked.prefix.trim() || undefined,
    include: include.length > 0 ? include : undefined,
    apply,
  };
}

function askedOf(server: Server | undefined): Asked {
  const rest = { bearer: "", prefix: "", include: "" };
  if (server && "server" in server) return { way: "server", where: server.server, ...rest };
  return { way: "url", where: server?.url ?? "", ...rest };
}

/** Takes over the tools of an MCP server: looked at first, each pinned by its digest. */
export default function McpForm({ server, onDone }: { server?: Server; onDone: () => void }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const [asked, setAsked] = useState<Asked>(() => askedOf(server));
  const look = useMutation({ mutationFn: () => api.post("/v1/capabilities/import/mcp", { body: bodyOf(asked, false) }) });
  const take = useMutation({
    mutationFn: () => api.post("/v1/capabilities/import/mcp", { body: bodyOf(asked, true) }),
    onSuccess: async (done) => {
      await renew("/v1/capabilities", "/v1/capabilities/{name}");
      toast.done(t("servers.done", { added: done.tools.filter((one) => one.change === "new").length }));
      onDone();
    },
  });
  const set = (next: Partial<Asked>): void => {
    setAsked({ ...asked, ...next });
    // What was shown was of something else.
    look.reset();
    take.reset();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    look.mutate();
  };
  const found = look.data;
  const some = found?.tools.some((one) => one.change === "new" || (one.enabled && one.change !== "same"));
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Fields asked={asked} set={set} />
      <div>
        <Button type="submit" busy={look.isPending}>
          {t("servers.look")}
        </Button>
      </div>
      {look.error && <ErrorNotice error={look.error} />}
      {found && (
        <>
          <section aria-label={t("servers.tools")} aria-live="polite">
            {found.tools.length === 0 && <p className="text-muted">{t("servers.none")}</p>}
            <ul className="flex flex-col gap-3">
              {found.tools.map((tool) => (
                <li key={tool.capability} className="min-w-0 rounded-lg border border-line p-3">
                  <OneTool tool={tool} onTaken={() => look.mutate()} />
                </li>
              ))}
            </ul>
          </section>
          {take.error && <ErrorNotice error={take.error} />}
          <div className="flex justify-end">
            <Button look="primary" busy={take.isPending} disabled={!some} onClick={() => take.mutate()}>
              {t("import.apply")}
            </Button>
          </div>
        </>
      )}
    </form>
  );
}

function Fields({ asked, set }: { asked: Asked; set: (next: Partial<Asked>) => void }) {
  const { t } = useTranslation("tasks");
  const mayStart = useMay("admin");
  return (
    <>
      {mayStart && (
        <Field label={t("import.from")}>
          <Select
            value={asked.way}
            onChange={(way) => set({ way: way as Asked["way"], where: "" })}
            choices={[
              { value: "url", label: t("import.byUrl") },
              { value: "server", label: t("servers.program") },
            ]}
          />
        </Field>
      )}
      {asked.way === "url" ? (
        <Field label={t("servers.url")} hint={t("servers.urlHint")}>
          <Input required type="url" dir="ltr" placeholder="http://127.0.0.1:9002/mcp" value={asked.where} onChange={(event) => set({ where: event.target.value })} />
        </Field>
      ) : (
        <Field label={t("servers.programName")} hint={t("servers.programHint")}>
          <Input required dir="ltr" maxLength={64} value={asked.where} onChange={(event) => set({ where: event.target.value })} />
        </Field>
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("servers.bearer")} hint={t("servers.bearerHint")}>
          <Input type="password" autoComplete="off" dir="ltr" value={asked.bearer} onChange={(event) => set({ bearer: event.target.value })} />
        </Field>
        <Field label={t("import.prefix")} hint={t("servers.prefixHint")}>
          <Input dir="ltr" maxLength={64} value={asked.prefix} onChange={(event) => set({ prefix: event.target.value })} />
        </Field>
        <Field label={t("servers.include")} hint={t("servers.includeHint")}>
          <Input dir="ltr" value={asked.include} onChange={(event) => set({ include: event.target.value })} />
        </Field>
      </div>
    </>
  );
}

function OneTool({ tool, onTaken }: { tool: Tool; onTaken: () => void }) {
  const { t } = useTranslation("tasks");
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="min-w-0 font-medium break-all">
          <bdi>{tool.capability}</bdi>
        </h3>
        <Badge kind={CHANGE_KINDS[tool.change]}>{t(`servers.changes.${tool.change}`)}</Badge>
      </div>
      {tool.description && (
        <p dir="auto" className="text-sm break-words whitespace-pre-line text-muted">
          {tool.description}
        </p>
      )}
      {tool.reason && (
        <p dir="auto" className="text-sm break-words text-bad">
          {tool.reason}
        </p>
      )}
      {tool.digest && (
        <p className="text-sm">
          <span className="text-muted">{t("servers.digest")}</span> <code className="break-all">{tool.digest}</code>
        </p>
      )}
      <Fold title={t("capabilities.inputSchema")}>
        <Json label={`${tool.capability}: ${t("capabilities.inputSchema")}`} value={tool.input_schema} />
      </Fold>
      {tool.change === "changed" && <Changed tool={tool} onTaken={onTaken} />}
    </div>
  );
}

function Changed({ tool, onTaken }: { tool: Tool; onTaken: () => void }) {
  const known = useQuery(get("/v1/capabilities/{name}", { params: { name: tool.capability } }));
  return known.data ? <TakeOver tool={tool} known={known.data} onTaken={onTaken} /> : null;
}
