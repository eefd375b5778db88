import { useQuery } from "@tanstack/react-query";
import { ArrowRightLeft, RefreshCcw } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Async, Button, Panel } from "@/components";

import { useRefresh, versionsQuery, type Store } from "../data";
import { Measure } from "./Measure";
import { NewVersion } from "./NewVersion";
import { VersionCard } from "./VersionCard";

/** How often it looks while a version is made, or is about to be switched. */
const LOOK_MS = 1_000;

/** The index versions of a collection: what is searched, what it was before, what is being made. */
export function VersionsTab({ store, mayWrite }: { store: Store; mayWrite: boolean }) {
  const { t } = useTranslation("documents");
  const [making, setMaking] = useState<"reindex" | "move" | null>(null);
  const refresh = useRefresh();
  const versions = useQuery({
    ...versionsQuery(store.id),
    refetchInterval: ({ state }) =>
      state.data?.data.some((one) => one.state === "building" || one.state === "ready") ? LOOK_MS : false,
  });
  const active = versions.data?.data.find((one) => one.state === "active");
  // What the collection says it is searched by is read again once another version is.
  const number = store.index?.number;
  useEffect(() => {
    if (active && number !== undefined && active.id !== number) void refresh(store.id);
  }, [active, number, refresh, store.id]);
  const busy = versions.data?.data.some((one) => ["building", "ready", "failed"].includes(one.state)) ?? false;
  return (
    <div className="flex flex-col gap-4">
      <Panel title={t("versions.title")}>
        <div className="mb-3 flex flex-wrap items-center gap-2">
          <p className="flex-1 basis-64 text-sm text-muted">{busy ? t("versions.busy") : t("versions.about")}</p>
          {mayWrite && (
            <div className="flex flex-wrap gap-2">
              <Button size="small" icon={RefreshCcw} disabled={busy} onClick={() => setMaking("reindex")}>
                {t("versions.reindex")}
              </Button>
              <Button size="small" icon={ArrowRightLeft} disabled={busy} onClick={() => setMaking("move")}>
                {t("versions.move")}
              </Button>
            </div>
          )}
        </div>
        <Async query={versions}>
          {({ data }) => (
            <ol className="flex flex-col gap-3">
              {data.map((version) => (
                <VersionCard key={version.id} store={store} version={version} mayWrite={mayWrite} />
              ))}
            </ol>
          )}
        </Async>
      </Panel>
      <Measure store={store} calibration={active?.calibration ?? null} />
      {making && <NewVersion store={store} kind={making} onClose={() => setMaking(null)} />}
    </div>
  );
}
