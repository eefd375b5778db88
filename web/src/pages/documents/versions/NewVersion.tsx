import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, DialogClose, ErrorNotice, Field, Select } from "@/components";

import { useRefresh, type Store } from "../data";
import { EmbeddingModel, VECTOR_KINDS, Vectors, type VectorKind } from "./Choices";

export interface NewVersionProps {
  store: Store;
  /** Another model, or the same vectors elsewhere. */
  kind: "reindex" | "move";
  onClose: () => void;
}

/** Begins a new index version; the present one is searched until it is complete. */
export function NewVersion({ store, kind, onClose }: NewVersionProps) {
  const { t } = useTranslation("documents");
  const { t: frame } = useTranslation("frame");
  const refresh = useRefresh();
  const now = VECTOR_KINDS.find((one) => one === store.index?.vectors) ?? "embedded";
  const elsewhere = VECTOR_KINDS.find((one) => one !== now) ?? "pgvector";
  const [model, setModel] = useState("");
  const [vectors, setVectors] = useState<VectorKind>(kind === "move" ? elsewhere : now);
  const [how, setHow] = useState<"auto" | "manual">("auto");
  const beginning = useMutation({
    mutationFn: () => {
      const params = { vector_store_id: store.id };
      return kind === "move"
        ? api.post("/v1/vector_stores/{vector_store_id}/move", { params, body: { vectors, switch: how } })
        : api.post("/v1/vector_stores/{vector_store_id}/reindex", { params, body: { embedding_model: model, vectors, switch: how } });
    },
    onSuccess: async () => {
      onClose();
      await refresh(store.id);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    beginning.mutate();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={kind === "move" ? t("versions.move") : t("versions.reindex")}
      about={kind === "move" ? t("versions.moveAbout") : t("versions.reindexAbout")}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="version" busy={beginning.isPending}>
            {t("versions.begin")}
          </Button>
        </>
      }
    >
      <form id="version" onSubmit={submit} className="flex flex-col gap-4">
        {kind === "reindex" && <EmbeddingModel value={model} onChange={setModel} />}
        <Vectors value={vectors} onChange={setVectors} />
        <Field label={t("versions.switch")} hint={how === "auto" ? t("versions.autoHint") : t("versions.manualHint")}>
          <Select
            value={how}
            onChange={(value) => setHow(value === "manual" ? "manual" : "auto")}
            choices={[
              { value: "auto", label: t("versions.auto") },
              { value: "manual", label: t("versions.manual") },
            ]}
          />
        </Field>
        {beginning.isError && <ErrorNotice error={beginning.error} />}
      </form>
    </Dialog>
  );
}
