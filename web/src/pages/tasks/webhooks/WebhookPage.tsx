import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { KeyRound, Send } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { Async, Button, Confirm, Facts, Panel, useToast } from "@/components";
import { useFormat } from "@/i18n/format";

import { useRenew, type Webhook } from "../data";
import { Head } from "../parts";
import { Deliveries } from "./Deliveries";
import { EditWebhook } from "./EditWebhook";
import { Replay } from "./Replay";
import { Secret } from "./Secret";
import { WebhookState } from "./Webhooks";

const PATHS = ["/v1/webhooks", "/v1/webhooks/{webhook_id}", "/v1/webhooks/{webhook_id}/deliveries"];

/** One webhook: whether it works, and everything that was sent to it. */
export function WebhookPage({ webhookId }: { webhookId: string }) {
  const { t } = useTranslation("tasks");
  const found = useQuery(get("/v1/webhooks/{webhook_id}", { params: { webhook_id: webhookId } }));
  const one = found.data;
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="webhooks"
        back={t("webhooks.title")}
        title={one ? (one.url ?? t("webhooks.ofTasks")) : webhookId}
        beside={one && <WebhookState one={one} />}
      />
      <Async query={found}>
        {(webhook) => (
          <>
            <Known one={webhook} />
            <Deliveries webhookId={webhook.id} />
          </>
        )}
      </Async>
    </section>
  );
}

function Known({ one }: { one: Webhook }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  const rows: [string, ReactNode][] = [
    [t("one.id"), <code className="text-xs break-all">{one.id}</code>],
    ...(one.description ? [[t("webhooks.description"), <bdi>{one.description}</bdi>] as [string, ReactNode]] : []),
    [t("webhooks.events"), <code className="text-xs break-words">{one.events.join(" ")}</code>],
    [t("hooks.data"), t(one.thin ? "hooks.thin" : "hooks.whole")],
    ...(one.header_names.length > 0
      ? [[t("hooks.headers"), <code className="text-xs break-words">{one.header_names.join(" ")}</code>] as [string, ReactNode]]
      : []),
    [t("deliveries.states.pending"), format.number(one.pending)],
    [t("deliveries.states.failed"), format.number(one.failed)],
    [t("one.created"), format.time(one.created_at)],
    ...(one.failing_since ? [[t("webhooks.failing"), format.time(one.failing_since)] as [string, ReactNode]] : []),
    ...(one.old_secret_until ? [[t("webhooks.oldSecret"), format.time(one.old_secret_until)] as [string, ReactNode]] : []),
  ];
  return (
    <Panel>
      <div className="grid gap-4 sm:grid-cols-[minmax(0,1fr)_auto]">
        <Facts rows={rows} />
        <Actions one={one} />
      </div>
    </Panel>
  );
}

function Actions({ one }: { one: Webhook }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const navigate = useNavigate();
  const [secret, setSecret] = useState<string | null>(null);
  const params = { webhook_id: one.id };
  const test = useMutation({
    mutationFn: () => api.post("/v1/webhooks/{webhook_id}/test", { params }),
    onSuccess: async (sent) => {
      await renew(...PATHS);
      toast.done(t(`webhooks.tested.${sent.state}`));
    },
    onError: toast.failed,
  });
  const turn = useMutation({
    mutationFn: () => api.patch("/v1/webhooks/{webhook_id}", { params, body: { enabled: !one.enabled } }),
    onSuccess: () => renew(...PATHS),
    onError: toast.failed,
  });
  const rotate = async (): Promise<void> => {
    setSecret((await api.post("/v1/webhooks/{webhook_id}/rotate", { params })).secret);
    await renew(...PATHS);
  };
  const remove = async (): Promise<void> => {
    await api.delete("/v1/webhooks/{webhook_id}", { params });
    await renew("/v1/webhooks");
    await navigate({ to: "/tasks", hash: "webhooks" });
  };
  return (
    <div className="flex flex-wrap content-start items-start gap-2 sm:max-w-80 sm:justify-end">
      {one.url !== null && (
        <Button icon={Send} busy={test.isPending} onClick={() => test.mutate()}>
          {t("webhooks.test")}
        </Button>
      )}
      <EditWebhook one={one} />
      <Button busy={turn.isPending} onClick={() => turn.mutate()}>
        {one.enabled ? t("capabilities.disable") : t("capabilities.enable")}
      </Button>
      <Replay webhookId={one.id} />
      <Confirm
        danger={false}
        title={t("webhooks.rotate")}
        about={t("webhooks.rotateAbout")}
        action={t("webhooks.rotate")}
        onConfirm={rotate}
        trigger={<Button icon={KeyRound}>{t("webhooks.rotate")}</Button>}
      />
      <Confirm
        title={t("webhooks.removeTitle")}
        about={t("webhooks.removeAbout")}
        action={t("frame:delete")}
        onConfirm={remove}
        trigger={<Button>{t("frame:delete")}</Button>}
      />
      {secret !== null && <Secret secret={secret} onClose={() => setSecret(null)} />}
    </div>
  );
}
