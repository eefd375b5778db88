import { useInfiniteQuery } from "@tanstack/react-query";
import { Webhook as Icon } from "lucide-react";
import { useTranslation } from "react-i18next";

import { pages } from "@/api/client";
import { Async, Badge, EmptyState, Pager, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Webhook } from "../data";
import { To } from "../parts";
import { NewWebhook } from "./NewWebhook";

/** Who is told of what happens here. */
export function Webhooks() {
  const { t } = useTranslation("tasks");
  const found = useInfiniteQuery(pages("/v1/webhooks", { query: { limit: 50 } }));
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("webhooks.about")}</p>
        <NewWebhook />
      </div>
      <Async query={found}>{(data) => <WebhookTable rows={data.pages.flatMap((page) => page.data)} />}</Async>
      <Pager query={found} />
    </section>
  );
}

function WebhookTable({ rows }: { rows: Webhook[] }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const columns: Column<Webhook>[] = [
    {
      key: "url",
      header: t("webhooks.url"),
      cell: (one) => (
        <div className="min-w-40">
          <To part="webhooks" id={one.id}>
            {one.url ?? t("webhooks.ofTasks")}
          </To>
          {one.description && (
            <p className="text-sm text-muted">
              <bdi>{one.description}</bdi>
            </p>
          )}
        </div>
      ),
    },
    { key: "state", header: t("list.state"), cell: (one) => <WebhookState one={one} /> },
    {
      key: "events",
      header: t("webhooks.events"),
      secondary: true,
      cell: (one) => (
        <span dir="ltr" className="flex max-w-72 flex-wrap gap-1">
          {one.events.map((event) => (
            <Badge key={event}>{event}</Badge>
          ))}
        </span>
      ),
    },
    { key: "pending", header: t("deliveries.states.pending"), align: "end", secondary: true, cell: (one) => format.number(one.pending) },
    { key: "failed", header: t("deliveries.states.failed"), align: "end", secondary: true, cell: (one) => format.number(one.failed) },
  ];
  return (
    <Table
      caption={t("webhooks.title")}
      columns={columns}
      rows={rows}
      rowKey={(one) => one.id}
      empty={
        <EmptyState icon={Icon} title={t("webhooks.none")}>
          {t("webhooks.noneAbout")}
        </EmptyState>
      }
    />
  );
}

/** Whether it is on, and why not. */
export function WebhookState({ one }: { one: Webhook }) {
  const { t } = useTranslation("tasks");
  return (
    <span className="flex flex-wrap gap-1">
      <Badge kind={one.enabled ? "good" : "neutral"}>{one.enabled ? t("capabilities.on") : t("capabilities.off")}</Badge>
      {one.disabled_reason && <Badge kind="bad">{t(`webhooks.reasons.${one.disabled_reason}`)}</Badge>}
      {one.enabled && one.failing_since && <Badge kind="warn">{t("webhooks.failing")}</Badge>}
    </span>
  );
}
