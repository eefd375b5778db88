import { useInfiniteQuery } from "@tanstack/react-query";
import { Boxes, Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { pages } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, EmptyState, Field, Pager, Select, Table, type Column } from "@/components";

import type { Capability } from "../data";
import { ImportMenu } from "../importing/ImportMenu";
import { To, ToButton } from "../parts";
import { OnOff } from "./OnOff";

const ORIGINS = ["manual", "builtin", "openapi", "register", "postman", "mcp"] as const satisfies Capability["origin"][];

/** What can be done here, and where it came from. */
export function Capabilities() {
  const { t } = useTranslation("tasks");
  const mayChange = useMay("capabilities");
  const [origin, setOrigin] = useState<Capability["origin"] | "">("");
  const found = useInfiniteQuery({
    ...pages("/v1/capabilities", { query: { limit: 100, origin: origin || undefined } }),
    placeholderData: (before) => before,
  });
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-end gap-3">
        <Field label={t("capabilities.origin")} className="min-w-40 flex-1 sm:max-w-64">
          <Select
            value={origin}
            onChange={(next) => setOrigin(next as typeof origin)}
            choices={[{ value: "", label: t("list.any") }, ...ORIGINS.map((one) => ({ value: one, label: t(`origins.${one}`) }))]}
          />
        </Field>
        {mayChange && (
          <div className="ms-auto flex flex-wrap gap-2">
            <ImportMenu />
            <ToButton part="capabilities" id="/new" icon={Plus} look="primary">
              {t("edit.new")}
            </ToButton>
          </div>
        )}
      </div>
      <Async query={found}>
        {(data) => (
          <CapabilityTable
            // The list of tools for language models is another form of it, not asked for here.
            rows={data.pages.flatMap((page) => page.data as Capability[])}
          />
        )}
      </Async>
      <Pager query={found} />
    </section>
  );
}

function CapabilityTable({ rows }: { rows: Capability[] }) {
  const { t } = useTranslation("tasks");
  const columns: Column<Capability>[] = [
    {
      key: "name",
      header: t("capabilities.name"),
      cell: (one) => (
        <div className="min-w-32">
          <To part="capabilities" id={one.name}>
            {one.name}
          </To>
          {one.title && (
            <p className="max-w-96 text-sm text-muted">
              <bdi>{one.title}</bdi>
            </p>
          )}
        </div>
      ),
    },
    { key: "state", header: t("list.state"), cell: (one) => <Marks one={one} /> },
    { key: "origin", header: t("capabilities.origin"), secondary: true, cell: (one) => t(`origins.${one.origin}`) },
    { key: "version", header: t("one.version"), align: "end", secondary: true, cell: (one) => <bdi>{one.version}</bdi> },
    {
      key: "enabled",
      header: <span className="sr-only">{t("capabilities.enabled")}</span>,
      align: "end",
      cell: (one) => <OnOff one={one} short />,
    },
  ];
  return (
    <Table
      caption={t("capabilities.title")}
      columns={columns}
      rows={rows}
      rowKey={(one) => one.id}
      empty={
        <EmptyState icon={Boxes} title={t("capabilities.none")}>
          {t("capabilities.noneAbout")}
        </EmptyState>
      }
    />
  );
}

/** What there is to know of it at a glance. */
export function Marks({ one }: { one: Capability }) {
  const { t } = useTranslation("tasks");
  return (
    <span className="flex flex-wrap gap-1">
      <Badge kind={one.enabled ? "good" : "neutral"}>{one.enabled ? t("capabilities.on") : t("capabilities.off")}</Badge>
      {one.state === "drifted" && <Badge kind="warn">{t("capabilities.drifted")}</Badge>}
      {one.visibility === "public" && <Badge kind="accent">{t("capabilities.public")}</Badge>}
    </span>
  );
}
