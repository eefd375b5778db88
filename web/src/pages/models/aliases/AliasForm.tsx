import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, DialogClose, ErrorNotice, Field, Input, useToast } from "@/components";

import { modelsQuery, useRenew, type Alias } from "../data";
import { NameList } from "./NameList";

/** Makes an alias, or changes what stands behind one. */
export function AliasForm({ alias, onClose }: { alias?: Alias; onClose: () => void }) {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const toast = useToast();
  const renew = useRenew();
  const models = useQuery(modelsQuery);
  const [name, setName] = useState(alias?.name ?? "");
  const [targets, setTargets] = useState(alias?.targets ?? []);
  const [longer, setLonger] = useState(alias?.context_fallbacks ?? []);
  const [cache, setCache] = useState(alias?.cache_ttl_s == null ? "" : String(alias.cache_ttl_s));
  const known = (models.data?.data ?? []).map((one) => one.id).filter((one) => one !== name && one !== "auto");
  const saving = useMutation({
    mutationFn: () => {
      const body = { targets, context_fallbacks: longer, cache_ttl_s: cache === "" ? null : Number(cache) };
      return alias
        ? api.put("/v1/aliases/{name}", { params: { name: alias.name }, body })
        : api.post("/v1/aliases", { body: { ...body, name: name.trim() } });
    },
    onSuccess: async (saved) => {
      await renew("/v1/aliases", "/v1/models");
      toast.done(t("aliases.saved", { name: saved.name }));
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    saving.mutate();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={alias ? t("aliases.change", { name: alias.name }) : t("aliases.new")}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="alias" busy={saving.isPending} disabled={targets.length === 0}>
            {frame("save")}
          </Button>
        </>
      }
    >
      <form id="alias" onSubmit={submit} className="flex flex-col gap-4">
        {!alias && (
          <Field label={t("aliases.name")} hint={t("aliases.nameHint")}>
            <Input required autoFocus dir="ltr" maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
          </Field>
        )}
        <NameList label={t("aliases.targets")} hint={t("aliases.targetsHint")} known={known} names={targets} onChange={setTargets} />
        <NameList label={t("aliases.longer")} hint={t("aliases.longerHint")} known={known} names={longer} onChange={setLonger} />
        <Field label={t("aliases.cacheFor")} hint={t("aliases.cacheHint")}>
          <Input type="number" dir="ltr" min={0} step="any" value={cache} onChange={(event) => setCache(event.target.value)} />
        </Field>
        {saving.error && <ErrorNotice error={saving.error} />}
      </form>
    </Dialog>
  );
}
