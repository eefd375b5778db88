import { useQuery } from "@tanstack/react-query";
import { Plus, Tags } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, Button, Confirm, EmptyState, Table, useToast, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { aliasesQuery, useRenew, type Alias } from "../data";
import { AliasForm } from "./AliasForm";

/** Names that stand for models, in order of preference. */
export function Aliases() {
  const { t } = useTranslation("models");
  const aliases = useQuery(aliasesQuery);
  const mayWrite = useMay("providers");
  const [edited, setEdited] = useState<Alias | "new" | null>(null);
  const columns = useColumns(mayWrite, setEdited);
  const make = mayWrite && (
    <Button look="primary" icon={Plus} onClick={() => setEdited("new")}>
      {t("aliases.new")}
    </Button>
  );
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("aliases.about")}</p>
        {make}
      </div>
      <Async query={aliases}>
        {(list) => (
          <Table
            caption={t("aliases.title")}
            columns={columns}
            rows={list.data}
            rowKey={(alias) => alias.name}
            empty={
              <EmptyState icon={Tags} title={t("aliases.none")}>
                {t("aliases.noneAbout")}
              </EmptyState>
            }
          />
        )}
      </Async>
      {edited !== null && <AliasForm alias={edited === "new" ? undefined : edited} onClose={() => setEdited(null)} />}
    </section>
  );
}

function useColumns(mayWrite: boolean, edit: (alias: Alias) => void): Column<Alias>[] {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const toast = useToast();
  const renew = useRenew();
  const remove = async (alias: Alias): Promise<void> => {
    await api.delete("/v1/aliases/{name}", { params: { name: alias.name } });
    await renew("/v1/aliases", "/v1/models");
    toast.done(t("aliases.removed", { name: alias.name }));
  };
  const columns: Column<Alias>[] = [
    { key: "name", header: t("aliases.name"), cell: (alias) => <bdi className="font-medium break-all">{alias.name}</bdi> },
    { key: "targets", header: t("aliases.targets"), cell: (alias) => <Names names={alias.targets} /> },
    {
      key: "fallbacks",
      header: t("aliases.longer"),
      secondary: true,
      cell: (alias) => <Names names={alias.context_fallbacks ?? []} />,
    },
    {
      key: "cache",
      header: t("aliases.cache"),
      secondary: true,
      cell: (alias) => <Kept ttlS={alias.cache_ttl_s ?? null} />,
    },
  ];
  if (!mayWrite) return columns;
  const actions: Column<Alias> = {
    key: "actions",
    header: <span className="sr-only">{t("actions")}</span>,
    align: "end",
    cell: (alias) =>
      alias.source === "config" ? (
        <Badge>{t("source.config")}</Badge>
      ) : (
        <span className="inline-flex flex-wrap justify-end gap-2">
          <Button size="small" onClick={() => edit(alias)}>
            {t("edit")}
          </Button>
          <Confirm
            title={t("aliases.removeTitle", { name: alias.name })}
            about={t("aliases.removeAbout")}
            action={frame("delete")}
            onConfirm={() => remove(alias)}
            trigger={<Button size="small">{frame("delete")}</Button>}
          />
        </span>
      ),
  };
  return [...columns, actions];
}

function Names({ names }: { names: string[] }) {
  if (names.length === 0) return <span className="text-muted">–</span>;
  return (
    <ol className="flex flex-col gap-0.5">
      {names.map((name, index) => (
        <li key={name} className="flex gap-2">
          <span aria-hidden className="text-muted tabular-nums">
            {index + 1}
          </span>
          <bdi className="break-all">{name}</bdi>
        </li>
      ))}
    </ol>
  );
}

/** For how long answers are kept; null = as the settings say. */
function Kept({ ttlS }: { ttlS: number | null }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  if (ttlS === null) return <span className="text-muted">{t("aliases.cacheUsual")}</span>;
  return ttlS === 0 ? t("aliases.cacheNever") : format.duration(ttlS);
}
