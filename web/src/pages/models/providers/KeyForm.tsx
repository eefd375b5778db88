import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, DialogClose, ErrorNotice, Field, Input } from "@/components";

import { useRenew } from "../data";

/** Gives a provider another key; requests under way end with the old one. */
export function KeyForm({ name, onClose, onSaved }: { name: string; onClose: () => void; onSaved: (name: string) => void }) {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const renew = useRenew();
  const [key, setKey] = useState("");
  const rotating = useMutation({
    mutationFn: () => api.patch("/v1/providers/{name}", { params: { name }, body: { key: key.trim() } }),
    onSuccess: async () => {
      await renew("/v1/providers");
      onSaved(name);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    rotating.mutate();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={t("providers.rotateTitle", { name })}
      about={t("providers.rotateAbout")}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="provider-key" busy={rotating.isPending}>
            {t("providers.rotate")}
          </Button>
        </>
      }
    >
      <form id="provider-key" onSubmit={submit} className="flex flex-col gap-4">
        <Field label={t("providers.newKey")} hint={t("providers.keyHint")}>
          <Input
            required
            autoFocus
            type="password"
            dir="ltr"
            autoComplete="off"
            maxLength={4096}
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        </Field>
        {rotating.error && <ErrorNotice error={rotating.error} />}
      </form>
    </Dialog>
  );
}
