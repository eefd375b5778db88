import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { History, Pencil } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, Button, Confirm, Facts, Json, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew, type Capability } from "../data";
import { Fold, Head, ToButton } from "../parts";
import { Marks } from "./Capabilities";
import { Drift } from "./Drift";
import { OnOff } from "./OnOff";
import { RunPanel } from "./RunPanel";
import { ToolDrift } from "./ToolDrift";

/** One capability: a form that runs it, what it takes and gives, where it came from. */
export function CapabilityPage({ name }: { name: string }) {
  const { t } = useTranslation("tasks");
  const found = useQuery(get("/v1/capabilities/{name}", { params: { name } }));
  const mayChange = useMay("capabilities");
  const one = found.data;
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="capabilities"
        back={t("capabilities.title")}
        title={name}
        beside={one && <Marks one={one} />}
        actions={
          one && (
            <>
              {one.own && one.origin !== "builtin" && (
                <ToButton part="capabilities" id={`${name}/versions`} icon={History}>
                  {t("versions.title")}
                </ToButton>
              )}
              {mayChange && one.own && one.origin !== "builtin" && (
                <ToButton part="capabilities" id={`${name}/edit`} icon={Pencil}>
                  {t("edit.open")}
                </ToButton>
              )}
              <OnOff one={one} />
              <Remove one={one} />
            </>
          )
        }
      />
      <Async query={found}>{(capability) => <Whole one={capability} />}</Async>
    </section>
  );
}

function Whole({ one }: { one: Capability }) {
  const { t } = useTranslation("tasks");
  const mayChange = useMay("capabilities");
  return (
    <>
      {(one.title || one.description) && (
        <div dir="auto" className="max-w-prose">
          {one.title && <p className="font-medium">{one.title}</p>}
          {one.description && <p className="whitespace-pre-line break-words text-muted">{one.description}</p>}
        </div>
      )}
      {one.state === "drifted" && mayChange && one.own && (one.origin === "mcp" ? <ToolDrift one={one} /> : <Drift name={one.name} />)}
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0">
          <RunPanel key={one.version} one={one} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Known one={one} />
          <Panel>
            <Fold title={t("capabilities.inputSchema")}>
              <Json label={t("capabilities.inputSchema")} value={one.input_schema} />
            </Fold>
            <Fold title={t("capabilities.outputSchema")}>
              <Json label={t("capabilities.outputSchema")} value={one.output_schema} />
            </Fold>
            {one.endpoint && (
              <Fold title={t("capabilities.endpoint")}>
                <Json label={t("capabilities.endpoint")} value={one.endpoint} />
              </Fold>
            )}
          </Panel>
        </div>
      </div>
    </>
  );
}

function Known({ one }: { one: Capability }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const rows: [string, ReactNode][] = [
    [t("capabilities.origin"), t(`origins.${one.origin}`)],
    [t("one.version"), format.number(one.version)],
    [t("capabilities.transport"), <bdi>{one.transport}</bdi>],
    [t("capabilities.toolName"), <code className="text-xs break-all">{one.tool_name}</code>],
    [t("capabilities.timeout"), format.duration(one.timeout_s)],
    [t("capabilities.costUnits"), format.number(one.cost_units)],
    [t("capabilities.idempotent"), one.idempotent ? t("capabilities.yes") : t("capabilities.no")],
    [t("one.kept"), t(`kept.${one.kept}`)],
    ...(one.updated_at ? [[t("capabilities.changed"), format.time(one.updated_at)] as [string, ReactNode]] : []),
  ];
  return (
    <Panel>
      <Facts rows={rows} />
      {(one.tags.length > 0 || one.header_names.length > 0) && (
        <p className="mt-3 flex flex-wrap gap-1">
          {one.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
          {one.header_names.map((header) => (
            <Badge key={header} kind="accent">
              {header}: ***
            </Badge>
          ))}
        </p>
      )}
    </Panel>
  );
}

function Remove({ one }: { one: Capability }) {
  const { t } = useTranslation("tasks");
  const frame = useTranslation("frame").t;
  const mayChange = useMay("capabilities");
  const navigate = useNavigate();
  const renew = useRenew();
  if (!mayChange || !one.own || one.origin === "builtin") return null;
  const remove = async (): Promise<void> => {
    await api.delete("/v1/capabilities/{name}", { params: { name: one.name } });
    await renew("/v1/capabilities");
    await navigate({ to: "/tasks", hash: "capabilities" });
  };
  return (
    <Confirm
      title={t("capabilities.removeTitle", { name: one.name })}
      about={t("capabilities.removeAbout")}
      action={frame("delete")}
      onConfirm={remove}
      trigger={<Button>{frame("delete")}</Button>}
    />
  );
}
