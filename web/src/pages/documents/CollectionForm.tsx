import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, DialogClose, ErrorNotice, Field, Input, Select, Textarea } from "@/components";

import { onceKey, STORE, STORES, useRefresh, type Store } from "./data";
import { EmbeddingModel, Vectors, type VectorKind } from "./versions/Choices";

interface Filled {
  name: string;
  description: string;
  model: string;
  vectors: VectorKind | "auto";
  cutting: "auto" | "static";
  maxTokens: string;
  overlapTokens: string;
  days: string;
}

function filledFrom(store: Store | undefined): Filled {
  return {
    name: store?.name ?? "",
    description: store?.description ?? "",
    model: "",
    vectors: "auto",
    cutting: "auto",
    maxTokens: "800",
    overlapTokens: "400",
    days: store?.expires_after ? String(store.expires_after.days) : "",
  };
}

export interface CollectionFormProps {
  /** The one to change; without it a new one is made. */
  store?: Store;
  onClose: () => void;
  onSaved?: (store: Store) => void;
}

/** Makes a collection, or changes what can be changed of one. */
export function CollectionForm({ store, onClose, onSaved }: CollectionFormProps) {
  const { t } = useTranslation("documents");
  const { t: frame } = useTranslation("frame");
  const refresh = useRefresh();
  const [filled, setFilled] = useState(() => filledFrom(store));
  const [key] = useState(onceKey);
  const set = (changes: Partial<Filled>): void => setFilled((now) => ({ ...now, ...changes }));
  const saving = useMutation({
    mutationFn: () => (store ? change(store, filled) : make(filled, key)),
    onSuccess: async (saved) => {
      await refresh(saved.id);
      onClose();
      onSaved?.(saved);
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
      title={store ? t("form.edit") : t("collections.new")}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="collection" busy={saving.isPending}>
            {store ? frame("save") : t("form.create")}
          </Button>
        </>
      }
    >
      <form id="collection" onSubmit={submit} className="flex flex-col gap-4">
        <Field label={t("collections.name")}>
          <Input required maxLength={256} autoFocus value={filled.name} onChange={(event) => set({ name: event.target.value })} />
        </Field>
        <Field label={t("form.description")} hint={t("form.descriptionHint")}>
          <Textarea rows={2} maxLength={4000} value={filled.description} onChange={(event) => set({ description: event.target.value })} />
        </Field>
        {!store && <Search filled={filled} set={set} />}
        <Field label={t("form.days")} hint={t("form.daysHint")}>
          <Input
            type="number"
            dir="ltr"
            min={1}
            max={365}
            placeholder={t("form.never")}
            value={filled.days}
            onChange={(event) => set({ days: event.target.value })}
          />
        </Field>
        {saving.isError && <ErrorNotice error={saving.error} />}
      </form>
    </Dialog>
  );
}

/** How a new collection is cut and searched. */
function Search({ filled, set }: { filled: Filled; set: (changes: Partial<Filled>) => void }) {
  const { t } = useTranslation("documents");
  return (
    <>
      <EmbeddingModel hint={t("form.modelHint")} usual value={filled.model} onChange={(model) => set({ model })} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Vectors usual value={filled.vectors} onChange={(vectors) => set({ vectors })} />
        <Field label={t("form.cutting")}>
          <Select
            value={filled.cutting}
            onChange={(value) => set({ cutting: value === "static" ? "static" : "auto" })}
            choices={[
              { value: "auto", label: t("form.cuttingAuto") },
              { value: "static", label: t("form.cuttingStatic") },
            ]}
          />
        </Field>
        {filled.cutting === "static" && (
          <>
            <Field label={t("form.maxTokens")}>
              <Input type="number" dir="ltr" required min={100} max={4096} value={filled.maxTokens} onChange={(event) => set({ maxTokens: event.target.value })} />
            </Field>
            <Field label={t("form.overlapTokens")}>
              <Input
                type="number"
                dir="ltr"
                required
                min={0}
                max={Math.floor(Number(filled.maxTokens) / 2)}
                value={filled.overlapTokens}
                onChange={(event) => set({ overlapTokens: event.target.value })}
              />
            </Field>
          </>
        )}
      </div>
    </>
  );
}

function expiry(filled: Filled) {
  return filled.days ? { anchor: "last_active_at" as const, days: Number(filled.days) } : null;
}

function make(filled: Filled, key: string): Promise<Store> {
  return api.post(STORES, {
    headers: { "idempotency-key": key },
    body: {
      name: filled.name.trim(),
      description: filled.description.trim() || null,
      file_ids: [],
      embedding_model: filled.model || null,
      vectors: filled.vectors,
      expires_after: expiry(filled),
      chunking_strategy:
        filled.cutting === "auto"
          ? { type: "auto" }
          : {
              type: "static",
              static: {
                max_chunk_size_tokens: Number(filled.maxTokens),
                chunk_overlap_tokens: Number(filled.overlapTokens),
              },
            },
    },
  });
}

function change(store: Store, filled: Filled): Promise<Store> {
  return api.post(STORE, {
    params: { vector_store_id: store.id },
    body: { name: filled.name.trim(), description: filled.description.trim(), expires_after: expiry(filled) },
  });
}
