import { useMutation } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Checkbox, Dialog, ErrorNotice, Field, Input, useToast } from "@/components";

import { useRenew } from "../data";

/** Sends once more what was not taken since a time. */
export function Replay({ webhookId }: { webhookId: string }) {
  const { t } = useTranslation("tasks");
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title={t("replay.title")}
      about={t("replay.about")}
      open={open}
      onOpenChange={setOpen}
      trigger={<Button icon={History}>{t("replay.open")}</Button>}
    >
      <ReplayForm webhookId={webhookId} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function ReplayForm({ webhookId, onDone }: { webhookId: string; onDone: () => void }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const [since, setSince] = useState("");
  const [delivered, setDelivered] = useState(false);
  const replay = useMutation({
    mutationFn: (from: string) =>
      api.post("/v1/webhooks/{webhook_id}/replay", { params: { webhook_id: webhookId }, query: { since: from, delivered } }),
    onSuccess: async (done) => {
      await renew("/v1/webhooks/{webhook_id}", "/v1/webhooks/{webhook_id}/deliveries");
      toast.done(t("replay.done", { number: done.queued }));
      // Too many for one call: the form stays, with the time to go on from.
      if (done.has_more && done.next_since) setSince(localOf(done.next_since));
      else onDone();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    replay.mutate(new Date(since).toISOString());
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("replay.since")}>
        <Input required type="datetime-local" step={1} value={since} onChange={(event) => setSince(event.target.value)} />
      </Field>
      <Checkbox label={t("replay.delivered")} checked={delivered} onChange={(event) => setDelivered(event.target.checked)} />
      {replay.error && <ErrorNotice error={replay.error} />}
      <Button type="submit" look="primary" busy={replay.isPending} className="self-end">
        {t("replay.open")}
      </Button>
    </form>
  );
}

/** A time as the input of a form has it: of this place, to the second. */
function localOf(at: string): string {
  const when = new Date(at);
  return new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
