import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { LibraryBig, Plus } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Async, Badge, Button, EmptyState, PageBody, PageHeader, Pager, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { CollectionForm } from "./CollectionForm";
import { CollectionMenu } from "./CollectionMenu";
import { storePages, type Store } from "./data";

/** How often the list looks again while files are worked on. */
const LOOK_MS = 3_000;

/** All collections, and what is in them. */
export function Collections() {
  const { t } = useTranslation("documents");
  const mayWrite = useMay("knowledge:write");
  const navigate = useNavigate();
  const [making, setMaking] = useState(false);
  const stores = useInfiniteQuery({
    ...storePages,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.data.some((one) => one.status === "in_progress")) ? LOOK_MS : false,
  });
  const make = mayWrite && (
    <Button look="primary" icon={Plus} onClick={() => setMaking(true)}>
      {t("collections.new")}
    </Button>
  );
  return (
    <PageBody>
      <PageHeader title={t("title")} about={t("about")} actions={make} />
      <Async query={stores}>
        {(data) => (
          <>
            <List stores={data.pages.flatMap((page) => page.data)} empty={<Nothing action={make} />} />
            <Pager query={stores} />
          </>
        )}
      </Async>
      {making && (
        <CollectionForm
          onClose={() => setMaking(false)}
          onSaved={(store) => void navigate({ to: "/documents/$storeId/$part", params: { storeId: store.id, part: "files" } })}
        />
      )}
    </PageBody>
  );
}

function Nothing({ action }: { action: ReactNode }) {
  const { t } = useTranslation("documents");
  return (
    <EmptyState icon={LibraryBig} title={t("collections.none")} action={action}>
      {t("collections.noneAbout")}
    </EmptyState>
  );
}

function List({ stores, empty }: { stores: Store[]; empty: ReactNode }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const columns: Column<Store>[] = [
    {
      key: "name",
      header: t("collections.name"),
      cell: (store) => (
        <div className="max-w-md min-w-32">
          <Link
            to="/documents/$storeId/$part"
            params={{ storeId: store.id, part: "files" }}
            className="font-medium break-words text-accent hover:underline"
          >
            <bdi>{store.name || t("collections.unnamed")}</bdi>
          </Link>
          {store.description && <p className="line-clamp-1 text-muted">
              <bdi>{store.description}</bdi>
            </p>}
        </div>
      ),
    },
    { key: "files", header: t("collections.files"), cell: (store) => <Counts store={store} /> },
    {
      key: "size",
      header: t("collections.size"),
      align: "end",
      secondary: true,
      cell: (store) => <span className="whitespace-nowrap">{format.bytes(store.usage_bytes)}</span>,
    },
    {
      key: "model",
      header: t("collections.model"),
      secondary: true,
      cell: (store) =>
        store.index && (
          <span className="whitespace-nowrap">
            <bdi>{store.index.embedding_model}</bdi>
            <span className="text-muted"> · {t(`vectors.${store.index.vectors}`)}</span>
          </span>
        ),
    },
    {
      key: "used",
      header: t("collections.used"),
      secondary: true,
      cell: (store) => (
        <time
          dateTime={new Date(store.last_active_at * 1000).toISOString()}
          title={format.time(store.last_active_at)}
          className="whitespace-nowrap text-muted"
        >
          {format.ago(store.last_active_at)}
        </time>
      ),
    },
    { key: "menu", header: <span className="sr-only">{t("actions")}</span>, align: "end", cell: (store) => <CollectionMenu store={store} /> },
  ];
  return <Table caption={t("title")} columns={columns} rows={stores} rowKey={(store) => store.id} empty={empty} />;
}

/** Files of a collection, and what is special about them. */
export function Counts({ store }: { store: Store }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const { in_progress, failed, total } = store.file_counts;
  return (
    <span className="inline-flex flex-wrap items-center gap-1.5">
      <span className="tabular-nums">{format.number(total)}</span>
      {store.status === "expired" && <Badge kind="warn">{t("collections.expired")}</Badge>}
      {in_progress > 0 && <Badge kind="accent">{t("collections.working", { count: in_progress })}</Badge>}
      {failed > 0 && <Badge kind="bad">{t("collections.failed", { count: failed })}</Badge>}
    </span>
  );
}
