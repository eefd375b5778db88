import { useMutation } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Checkbox, Dialog, ErrorNotice, Field, Input } from "@/components";

import { useRenew } from "../data";
import { Secret } from "./Secret";

/** Makes a webhook, and shows its secret once. */
export function NewWebhook() {
  const { t } = useTranslation("tasks");
  const [open, setOpen] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
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
      <WebhookForm
        onMade={(made) => {
          setOpen(false);
          setSecret(made);
        }}
      />
    </Dialog>
  );
}

function WebhookForm({ onMade }: { onMade: (secret: string) => void }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState("*");
  const [description, setDescription] = useState("");
  const [thin, setThin] = useState(false);
  const create = useMutation({
    mutationFn: () =>
      api.post("/v1/webhooks", {
        body: { url: url.trim(), events: words(events), description: description.trim(), thin, enabled: true, headers: {} },
      }),
    onSuccess: async (made) => {
      await renew("/v1/webhooks");
      onMade(made.secret);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("webhooks.url")} hint={t("webhooks.urlHint")}>
        <Input required type="url" dir="ltr" value={url} onChange={(event) => setUrl(event.target.value)} />
      </Field>
      <Field label={t("webhooks.events")} hint={t("webhooks.eventsHint")}>
        <Input required dir="ltr" value={events} onChange={(event) => setEvents(event.target.value)} />
      </Field>
      <Field label={t("webhooks.description")}>
        <Input maxLength={500} value={description} onChange={(event) => setDescription(event.target.value)} />
      </Field>
      <Checkbox label={t("webhooks.thin")} checked={thin} onChange={(event) => setThin(event.target.checked)} />
      {create.error && <ErrorNotice error={create.error} />}
      <Button type="submit" look="primary" busy={create.isPending} className="self-end">
        {t("webhooks.create")}
      </Button>
    </form>
  );
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
