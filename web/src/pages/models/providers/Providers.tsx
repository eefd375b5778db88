import { useMutation, useQuery } from "@tanstack/react-query";
import { Plus, Radar } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Async, Badge, Button, Table, useToast, type Column } from "@/components";

import { providersQuery, useRenew, type Provider } from "../data";
import { KeyForm } from "./KeyForm";
import { ProviderForm } from "./ProviderForm";
import { ProviderMenu, type Act } from "./ProviderMenu";
import { TestDialog } from "./TestDialog";

const KINDS: Record<string, "good" | "neutral"> = { ok: "good", "not asked yet": "neutral" };
const WORDS: Record<string, string> = { ok: "providers.ok", "not asked yet": "providers.notAsked" };

/** The places that serve models: added, tried out, given another key, removed. */
export function Providers() {
  const { t } = useTranslation("models");
  const toast = useToast();
  const renew = useRenew();
  const providers = useQuery(providersQuery);
  const [act, setAct] = useState<Act | null>(null);
  const close = (): void => setAct(null);
  const columns = useColumns(setAct);
  const discovering = useMutation({
    mutationFn: () => api.post("/v1/providers/discover"),
    onSuccess: async (found) => {
      await renew("/v1/providers", "/v1/models");
      toast.done(t("providers.found", { count: found.data.filter((one) => one.source === "discovered").length }));
    },
    onError: toast.failed,
  });
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("providers.about")}</p>
        <Button icon={Radar} busy={discovering.isPending} onClick={() => discovering.mutate()}>
          {t("providers.discover")}
        </Button>
        <Button look="primary" icon={Plus} onClick={() => setAct({ what: "add" })}>
          {t("providers.add")}
        </Button>
      </div>
      <Async query={providers}>
        {(list) => <Table caption={t("providers.title")} columns={columns} rows={list.data} rowKey={(one) => one.name} />}
      </Async>
      {act?.what === "add" && <ProviderForm onClose={close} onSaved={(name) => setAct({ what: "test", name })} />}
      {act?.what === "change" && <ProviderForm provider={act.provider} onClose={close} onSaved={(name) => setAct({ what: "test", name })} />}
      {act?.what === "rotate" && <KeyForm name={act.name} onClose={close} onSaved={(name) => setAct({ what: "test", name })} />}
      {act?.what === "test" && <TestDialog name={act.name} onClose={close} />}
    </section>
  );
}

function useColumns(onAct: (act: Act) => void): Column<Provider>[] {
  const { t } = useTranslation("models");
  return [
    {
      key: "name",
      header: t("providers.name"),
      cell: (one) => (
        <div className="min-w-24">
          <bdi className="font-medium break-all">{one.name}</bdi>
          {one.kind !== one.name && (
            <p className="text-muted">
              <bdi>{one.kind}</bdi>
            </p>
          )}
        </div>
      ),
    },
    {
      key: "state",
      header: t("providers.state"),
      cell: (one) => {
        const word = WORDS[one.state];
        return word ? (
          <Badge kind={KINDS[one.state]}>{t(word)}</Badge>
        ) : (
          <span className="flex max-w-80 flex-col items-start gap-1">
            <Badge kind="bad">{t("providers.failing")}</Badge>
            <span dir="auto" className="break-words text-muted max-sm:max-w-36">{one.state}</span>
          </span>
        );
      },
    },
    {
      key: "url",
      header: t("providers.address"),
      secondary: true,
      cell: (one) => (one.url ? <bdi className="break-all text-muted">{one.url}</bdi> : "–"),
    },
    { key: "models", header: t("providers.models"), align: "end", secondary: true, cell: (one) => one.model_count },
    {
      key: "key",
      header: t("providers.key"),
      secondary: true,
      cell: (one) => (one.has_key ? <Badge kind="good">{t("providers.hasKey")}</Badge> : <span className="text-muted">–</span>),
    },
    { key: "source", header: t("providers.source"), secondary: true, cell: (one) => t(`source.${one.source}`) },
    {
      key: "actions",
      header: <span className="sr-only">{t("actions")}</span>,
      align: "end",
      cell: (one) => <ProviderMenu provider={one} onAct={onAct} />,
    },
  ];
}
