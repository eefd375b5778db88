import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { History, RotateCw, SearchCheck, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Badge, Button, Confirm, ErrorNotice, IconButton, Progress, useToast } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRefresh, VERSIONS, type Store, type Version } from "../data";
import { ProbeView } from "./ProbeView";
import type { Failure, Probe } from "./shapes";

const KINDS = { building: "accent", ready: "warn", active: "good", retired: "neutral", failed: "bad" } as const;

/** One index version: whose vectors, how far it is, what it finds, and what can be done with it. */
export function VersionCard({ store, version, mayWrite }: { store: Store; version: Version; mayWrite: boolean }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const error = version.error as Failure | null;
  const probe = version.probe as Probe | null;
  return (
    <li
      data-version={version.id}
      data-state={version.state}
      className={clsx("rounded-lg border p-3", version.state === "active" ? "border-accent" : "border-line")}
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Badge kind={KINDS[version.state]}>{t(`versions.states.${version.state}`)}</Badge>
        <bdi className="min-w-0 font-medium break-all">{version.embedding_model}</bdi>
        <span className="text-sm text-muted">
          {t(`vectors.${version.vectors}`)} · {t("versions.dimensions", { count: version.dimensions })}
        </span>
        <span className="ms-auto text-sm text-muted">
          {version.activated_at ? t("versions.since", { time: format.time(version.activated_at) }) : format.ago(version.created_at)}
        </span>
      </div>
      {version.state === "building" && <Building version={version} />}
      {error && (
        <p dir="auto" className="mt-2 text-sm break-words text-bad">
          {error.message} <code>({error.code})</code>
        </p>
      )}
      {probe && <ProbeView probe={probe} />}
      {mayWrite && version.state !== "active" && <Actions store={store} version={version} probe={probe} />}
    </li>
  );
}

function Building({ version }: { version: Version }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const { total, done } = version.passages;
  const whole = total > 0 && done >= total;
  const label = whole
    ? t("versions.comparing")
    : t("versions.building", { done: format.number(done), total: format.number(total) });
  return (
    <div className="mt-2">
      <p className="mb-1 text-sm text-muted" role="status">
        {label}
      </p>
      <Progress label={label} share={total ? done / total : null} />
    </div>
  );
}

function Actions({ store, version, probe }: { store: Store; version: Version; probe: Probe | null }) {
  const { t } = useTranslation("documents");
  const toast = useToast();
  const refresh = useRefresh();
  const mayRetry = useMay("jobs:write");
  const params = { vector_store_id: store.id, number: version.id };
  const again = useMutation({
    mutationFn: () => api.post("/v1/jobs/{job_id}/retry", { params: { job_id: version.job_id ?? "" } }),
    onSettled: () => refresh(store.id),
  });
  const activate = async (): Promise<void> => {
    const now = await api.post(`${VERSIONS}/{number}/activate`, { params });
    await refresh(store.id);
    toast.done(now.state === "active" ? t("versions.switched") : t("versions.filling"));
  };
  const retired = version.state === "retired";
  return (
    <div className="mt-3 flex flex-wrap items-center gap-2">
      {(version.state === "ready" || retired) && (
        <Confirm
          danger={false}
          title={retired ? t("versions.backTitle") : t("versions.activateTitle")}
          about={probe && !probe.passed && !retired ? t("versions.worseAbout") : t("versions.activateAbout")}
          action={retired ? t("versions.back") : t("versions.activate")}
          onConfirm={activate}
          trigger={
            <Button size="small" look={retired ? "plain" : "primary"} icon={retired ? History : SearchCheck}>
              {retired ? t("versions.back") : t("versions.activate")}
            </Button>
          }
        />
      )}
      {version.state === "failed" && mayRetry && version.job_id !== null && (
        <Button size="small" icon={RotateCw} busy={again.isPending} onClick={() => again.mutate()}>
          {t("retry")}
        </Button>
      )}
      <Confirm
        title={t("versions.deleteTitle")}
        about={version.state === "building" ? t("versions.stopAbout") : t("versions.deleteAbout")}
        action={version.state === "building" ? t("versions.stop") : t("versions.delete")}
        onConfirm={async () => {
          await api.delete(`${VERSIONS}/{number}`, { params });
          await refresh(store.id);
        }}
        trigger={
          <IconButton size="small" icon={Trash2} label={version.state === "building" ? t("versions.stop") : t("versions.delete")} />
        }
      />
      {again.isError && <ErrorNotice error={again.error} className="basis-full" />}
    </div>
  );
}
