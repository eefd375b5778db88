import { PencilLine } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog } from "@/components";

import { useRenew, type Webhook } from "../data";
import { WebhookForm, type Wanted } from "./WebhookForm";

/** Changes a webhook: only what is different is sent. */
export function EditWebhook({ one }: { one: Webhook }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const [open, setOpen] = useState(false);
  const save = async (wanted: Wanted): Promise<void> => {
    await api.patch("/v1/webhooks/{webhook_id}", {
      params: { webhook_id: one.id },
      body: {
        ...(one.url !== null && wanted.url !== one.url && { url: wanted.url }),
        ...(one.url !== null && wanted.events.join(" ") !== one.events.join(" ") && { events: wanted.events }),
        ...(wanted.description !== one.description && { description: wanted.description }),
        ...(wanted.thin !== one.thin && { thin: wanted.thin }),
        ...(wanted.headers !== null && (one.header_names.length > 0 || Object.keys(wanted.headers).length > 0) && { headers: wanted.headers }),
      },
    });
    await renew("/v1/webhooks", "/v1/webhooks/{webhook_id}");
    setOpen(false);
  };
  return (
    <Dialog
      title={t("hooks.edit")}
      open={open}
      onOpenChange={setOpen}
      trigger={<Button icon={PencilLine}>{t("hooks.edit")}</Button>}
    >
      <WebhookForm
        begin={{ url: one.url ?? "", events: one.events, description: one.description, thin: one.thin }}
        headerNames={one.header_names}
        ofTasks={one.url === null}
        action={t("frame:save")}
        onSend={save}
      />
    </Dialog>
  );
}
