import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog } from "@/components";

import { useRenew } from "../data";
import { Secret } from "./Secret";
import { WebhookForm, type Wanted } from "./WebhookForm";

const BEGIN = { url: "", events: ["*"], description: "", thin: false };

/** Makes a webhook, and shows its secret once. */
export function NewWebhook() {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const [open, setOpen] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const create = async (wanted: Wanted): Promise<void> => {
    const made = await api.post("/v1/webhooks", { body: { ...wanted, headers: wanted.headers ?? {}, enabled: true } });
    await renew("/v1/webhooks");
    setOpen(false);
    setSecret(made.secret);
  };
  if (secret !== null) return <Secret secret={secret} onClose={() => setSecret(null)} />;
  return (
    <Dialog
      title={t("webhooks.create")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button look="primary" icon={Plus}>
          {t("webhooks.create")}
        </Button>
      }
    >
      <WebhookForm begin={BEGIN} headerNames={[]} action={t("webhooks.create")} onSend={create} />
    </Dialog>
  );
}
