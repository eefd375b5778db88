import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Async, Badge, Button, Dialog } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew } from "../data";

/** Asks a provider for its models now, and shows what it said. */
export function TestDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const format = useFormat();
  const renew = useRenew();
  const test = useQuery({
    queryKey: ["test of a provider", name],
    queryFn: ({ signal }) => api.post("/v1/providers/{name}/test", { params: { name }, signal }),
    gcTime: 0,
    staleTime: Infinity,
    retry: false,
  });
  const ended = !test.isFetching;
  useEffect(() => {
    if (ended) void renew("/v1/providers", "/v1/models");
  }, [ended, renew]);
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={t("providers.testTitle", { name })}
      footer={
        <>
          <Button busy={test.isFetching} onClick={() => void test.refetch()}>
            {frame("again")}
          </Button>
          <Button look="primary" autoFocus onClick={onClose}>
            {frame("close")}
          </Button>
        </>
      }
    >
      <Async query={test}>
        {(said) => (
          <div className="flex flex-col gap-3">
            <div className="flex flex-wrap items-center gap-3">
              <Badge kind={said.ok ? "good" : "bad"}>{said.ok ? t("providers.answers") : t("providers.failing")}</Badge>
              <span className="text-muted">{format.duration(said.latency_ms / 1000)}</span>
              {said.ok && <span>{t("providers.count", { count: said.models.length })}</span>}
            </div>
            {said.error && (
              <p dir="auto" className="break-words">
                {String(said.error.message)} <code className="text-sm text-muted">{String(said.error.code)}</code>
              </p>
            )}
            {said.models.length > 0 && (
              <ul tabIndex={0} aria-label={t("providers.models")} className="max-h-60 overflow-y-auto rounded-md bg-sunken p-3 text-sm">
                {said.models.map((model) => (
                  <li key={model} dir="ltr" className="text-start break-all">
                    {model}
                  </li>
                ))}
              </ul>
            )}
          </div>
        )}
      </Async>
    </Dialog>
  );
}
