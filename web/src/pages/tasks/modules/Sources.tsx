import { useInfiniteQuery } from "@tanstack/react-query";
import { FileInput } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api, pages, type Schemas } from "@/api/client";
import { Async, Badge, Button, Confirm, EmptyState, Pager, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew } from "../data";

type Source = Schemas["SourceRead"];

/** Documents and collections that were imported; those with an address are looked at each night. */
export function Sources() {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const found = useInfiniteQuery(pages("/v1/capabilities/import/sources", { query: { limit: 100 } }));
  const columns: Column<Source>[] = [
    {
      key: "title",
      header: t("sources.document"),
      cell: (one) => (
        <div className="min-w-32">
          <p className="font-medium">
            <bdi>
              {one.title} {one.version}
            </bdi>
          </p>
          {one.url && (
            <p dir="ltr" className="text-start text-sm break-all text-muted">
              {one.url}
            </p>
          )}
        </div>
      ),
    },
    { key: "origin", header: t("capabilities.origin"), secondary: true, cell: (one) => t(`origins.${one.origin}`) },
    { key: "state", header: t("sources.looked"), cell: (one) => <Looked one={one} when={format.time(one.checked_at)} /> },
    { key: "forget", header: <span className="sr-only">{t("list.actions")}</span>, align: "end", cell: (one) => <Forget one={one} /> },
  ];
  return (
    <section className="flex flex-col gap-3">
      <h2 className="text-lg font-semibold">{t("sources.title")}</h2>
      <Async query={found}>
        {(data) => (
          <Table
            caption={t("sources.title")}
            columns={columns}
            rows={data.pages.flatMap((page) => page.data)}
            rowKey={(one) => one.id}
            empty={<EmptyState icon={FileInput} title={t("sources.none")} />}
          />
        )}
      </Async>
      <Pager query={found} />
    </section>
  );
}

function Looked({ one, when }: { one: Source; when: string }) {
  const { t } = useTranslation("tasks");
  if (!one.url) return <span className="text-sm text-muted">{t("sources.once")}</span>;
  return (
    <span className="flex flex-wrap items-center gap-1 text-sm">
      {one.error && (
        <Badge kind="bad">
          <bdi>{one.error}</bdi>
        </Badge>
      )}
      <bdi>{when}</bdi>
    </span>
  );
}

function Forget({ one }: { one: Source }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const forget = async (): Promise<void> => {
    await api.delete("/v1/capabilities/import/sources/{source_id}", { params: { source_id: one.id } });
    await renew("/v1/capabilities/import/sources");
  };
  const name = one.title || one.url || one.id;
  return (
    <Confirm
      title={t("sources.forgetTitle", { name })}
      about={t("sources.forgetAbout")}
      action={t("sources.forget")}
      onConfirm={forget}
      trigger={
        <Button size="small" aria-label={t("capabilities.turn", { word: t("sources.forget"), name })}>
          {t("sources.forget")}
        </Button>
      }
    />
  );
}
