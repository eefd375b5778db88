import { useMutation, useQuery } from "@tanstack/react-query";
import { ArrowDownToLine } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Async, Button, Checkbox, Dialog, ErrorNotice, Field, Select, useToast } from "@/components";

import { modelsQuery, useIsManaged, useRenew, type Model } from "../data";

/** Brings a model into memory before anybody asks it. */
export function LoadDialog() {
  const { t } = useTranslation("models");
  const [open, setOpen] = useState(false);
  const models = useQuery({ ...modelsQuery, enabled: open });
  const isManaged = useIsManaged();
  return (
    <Dialog
      title={t("memory.loadTitle")}
      about={t("memory.loadAbout")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button look="primary" icon={ArrowDownToLine}>
          {t("memory.loadTitle")}
        </Button>
      }
    >
      <Async query={models}>
        {(list) => <Form models={list.data.filter(isManaged)} onDone={() => setOpen(false)} />}
      </Async>
    </Dialog>
  );
}

function Form({ models, onDone }: { models: Model[]; onDone: () => void }) {
  const { t } = useTranslation("models");
  const toast = useToast();
  const renew = useRenew();
  const [name, setName] = useState(models[0]?.id ?? "");
  const [pin, setPin] = useState(false);
  const loading = useMutation({
    mutationFn: () => api.post("/v1/models/load", { body: { model: name, pin: pin || null, stream: false } }),
    onSuccess: async () => {
      toast.done(t("memory.loaded", { name }));
      await renew("/v1/models/status");
      onDone();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    loading.mutate();
  };
  if (models.length === 0) return <p className="text-muted">{t("memory.nothingToLoad")}</p>;
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("model")}>
        <Select dir="ltr" value={name} onChange={setName} choices={models.map((one) => ({ value: one.id, label: one.id }))} />
      </Field>
      <Checkbox label={t("memory.pinHint")} checked={pin} onChange={(event) => setPin(event.target.checked)} />
      {loading.error && <ErrorNotice error={loading.error} />}
      <Button type="submit" look="primary" busy={loading.isPending} className="self-end">
        {t("memory.load")}
      </Button>
    </form>
  );
}
