import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { GitBranch, Plus } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { pages } from "@/api/client";
import { Async, Badge, Button, EmptyState, Input, Pager, Table, type Column } from "@/components";

import type { Flow } from "../data";
import { To } from "../parts";

/** Flows: those that come with the product, and one's own. */
export function Flows() {
  const { t } = useTranslation("tasks");
  const found = useInfiniteQuery(pages("/v1/flows", { query: { limit: 50 } }));
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("flows.about")}</p>
        <NewFlow />
      </div>
      <Async query={found}>{(data) => <FlowTable rows={data.pages.flatMap((page) => page.data)} />}</Async>
      <Pager query={found} />
    </section>
  );
}

function NewFlow() {
  const { t } = useTranslation("tasks");
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void navigate({ to: "/tasks", hash: `flows/${name.trim()}` });
  };
  return (
    <form onSubmit={submit} className="flex gap-2">
      <Input
        required
        dir="ltr"
        maxLength={60}
        pattern="[A-Za-z][A-Za-z0-9_\-]*"
        aria-label={t("flows.newName")}
        placeholder={t("flows.newName")}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Button type="submit" look="primary" icon={Plus}>
        {t("flows.create")}
      </Button>
    </form>
  );
}

function FlowTable({ rows }: { rows: Flow[] }) {
  const { t } = useTranslation("tasks");
  const columns: Column<Flow>[] = [
    {
      key: "name",
      header: t("capabilities.name"),
      cell: (one) => (
        <div className="min-w-32">
          <To part="flows" id={one.name}>
            {one.name}
          </To>
          {one.title && (
            <p className="text-sm text-muted">
              <bdi>{one.title}</bdi>
            </p>
          )}
        </div>
      ),
    },
    {
      key: "source",
      header: t("capabilities.origin"),
      cell: (one) => <Badge kind={one.source === "own" ? "accent" : "neutral"}>{t(`flows.sources.${one.source}`)}</Badge>,
    },
    { key: "version", header: t("one.version"), align: "end", secondary: true, cell: (one) => <bdi>{one.version}</bdi> },
  ];
  return (
    <Table
      caption={t("flows.title")}
      columns={columns}
      rows={rows}
      rowKey={(one) => one.name}
      empty={<EmptyState icon={GitBranch} title={t("flows.none")} />}
    />
  );
}
