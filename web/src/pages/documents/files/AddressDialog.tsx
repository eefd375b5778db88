import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, DialogClose, ErrorNotice, Field, Input } from "@/components";

import { FILES, onceKey, useRefresh } from "../data";

/** Has the server fetch a public address into a collection. */
export function AddressDialog({ storeId, onClose }: { storeId: string; onClose: () => void }) {
  const { t } = useTranslation("documents");
  const { t: frame } = useTranslation("frame");
  const refresh = useRefresh();
  const [url, setUrl] = useState("");
  const adding = useMutation({
    mutationFn: () =>
      api.post(FILES, {
        params: { vector_store_id: storeId },
        headers: { "idempotency-key": onceKey() },
        body: { url: url.trim() },
      }),
    onSuccess: async () => {
      onClose();
      await refresh(storeId);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    adding.mutate();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={t("files.fromAddress")}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="address" busy={adding.isPending}>
            {t("files.fetch")}
          </Button>
        </>
      }
    >
      <form id="address" onSubmit={submit} className="flex flex-col gap-3">
        <Field label={t("files.address")} hint={t("files.addressHint")}>
          <Input type="url" dir="ltr" required autoFocus pattern="https?://.+" placeholder="https://" value={url} onChange={(event) => setUrl(event.target.value)} />
        </Field>
        {adding.isError && <ErrorNotice error={adding.error} />}
      </form>
    </Dialog>
  );
}
