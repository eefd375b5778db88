import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { ChevronLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Async, Badge, PageBody, PageHeader } from "@/components";
import { type Tab, Tabs } from "@/components/Tabs";
import { useFormat } from "@/i18n/format";

import { AskTab } from "./ask/AskTab";
import { CollectionMenu } from "./CollectionMenu";
import { Counts } from "./Collections";
import { storeQuery, type Store } from "./data";
import { FilesTab } from "./files/FilesTab";
import { SearchTab } from "./search/SearchTab";
import { DropArea } from "./uploads/DropArea";
import { useUploads } from "./uploads/UploadsProvider";
import { VersionsTab } from "./versions/VersionsTab";

/** While files are worked on, what is counted is counted again so often. */
const LOOK_MS = 2_000;

export default function Collection() {
  const { storeId = "" } = useParams({ strict: false });
  const store = useQuery({
    ...storeQuery(storeId),
    refetchInterval: ({ state }) => (state.data?.status === "in_progress" ? LOOK_MS : false),
  });
  return <Async query={store}>{(found) => <Whole key={found.id} store={found} />}</Async>;
}

function Whole({ store }: { store: Store }) {
  const { t } = useTranslation("documents");
  const mayWrite = useMay("knowledge:write") && store.status !== "expired";
  const mayUpload = useMay("files:write") && mayWrite;
  const mayAsk = useMay("inference");
  const { part = "files" } = useParams({ strict: false });
  const navigate = useNavigate();
  const { queue } = useUploads(store.id);
  const tabs: Tab[] = [
    { value: "files", label: t("tabs.files"), content: <FilesTab store={store} mayWrite={mayWrite} mayUpload={mayUpload} /> },
    { value: "search", label: t("tabs.search"), content: <SearchTab store={store} /> },
  ];
  if (mayAsk) tabs.push({ value: "ask", label: t("tabs.ask"), content: <AskTab store={store} /> });
  tabs.push({ value: "index", label: t("tabs.index"), content: <VersionsTab store={store} mayWrite={mayWrite} /> });
  const page = (
    <PageBody>
      <Link to="/documents" className="mb-2 -ms-1 inline-flex min-h-8 items-center gap-1 text-sm text-muted hover:text-ink">
        <ChevronLeft aria-hidden className="size-4 rtl:-scale-x-100" />
        {t("title")}
      </Link>
      <PageHeader
        title={store.name || t("collections.unnamed")}
        about={store.description ? <bdi>{store.description}</bdi> : undefined}
        actions={<CollectionMenu store={store} />}
      />
      <Facts store={store} />
      <Tabs
        label={t("tabs.label")}
        tabs={tabs}
        value={tabs.some((tab) => tab.value === part) ? part : "files"}
        onChange={(next) =>
          void navigate({ to: "/documents/$storeId/$part", params: { storeId: store.id, part: next }, replace: true })
        }
      />
    </PageBody>
  );
  if (!mayUpload) return page;
  return (
    <DropArea
      onFiles={(files) => {
        queue.add(store.id, files);
        void navigate({ to: "/documents/$storeId/$part", params: { storeId: store.id, part: "files" }, replace: true });
      }}
    >
      {page}
    </DropArea>
  );
}

/** The figures of a collection in one line. */
function Facts({ store }: { store: Store }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const facts: [string, ReactNode][] = [
    [t("collections.files"), <Counts store={store} />],
    [t("collections.size"), format.bytes(store.usage_bytes)],
  ];
  if (store.index) {
    facts.push([t("collections.model"), <bdi className="break-words">{store.index.embedding_model}</bdi>]);
    facts.push([t("form.vectors"), t(`vectors.${store.index.vectors}`)]);
  }
  facts.push([t("collections.used"), format.ago(store.last_active_at)]);
  if (store.expires_at) facts.push([t("collections.ends"), <Badge kind="warn">{format.day(store.expires_at)}</Badge>]);
  return (
    <dl className="mb-5 flex flex-wrap gap-x-8 gap-y-3 rounded-lg max-sm:grid max-sm:grid-cols-2 max-sm:gap-x-4 border border-line bg-surface px-4 py-3">
      {facts.map(([label, value]) => (
        <div key={label} className="min-w-0">
          <dt className="text-xs text-muted">{label}</dt>
          <dd className="font-medium">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
