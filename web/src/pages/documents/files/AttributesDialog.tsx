import { useMutation } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { Button, Dialog, DialogClose, ErrorNotice, IconButton, Input } from "@/components";

import type { StoreFile } from "../data";
import { readValue, writeValue } from "../values";
import { nameOf } from "./FileTable";

/** Most attributes of a file that the server takes. */
const MOST = 16;

interface Row {
  id: number;
  key: string;
  value: string;
}

export interface AttributesDialogProps {
  file: StoreFile;
  onSave: (attributes: StoreFile["attributes"]) => Promise<void>;
  onClose: () => void;
}

/** What is known of a file besides its text: searches can be narrowed to it. */
export function AttributesDialog({ file, onSave, onClose }: AttributesDialogProps) {
  const { t } = useTranslation("documents");
  const { t: frame } = useTranslation("frame");
  const [rows, setRows] = useState<Row[]>(() =>
    Object.entries(file.attributes).map(([key, value], id) => ({ id, key, value: writeValue(value) })),
  );
  const saving = useMutation({
    mutationFn: () => onSave(Object.fromEntries(rows.filter((row) => row.key).map((row) => [row.key, readValue(row.value)]))),
    onSuccess: onClose,
  });
  const change = (id: number, changes: Partial<Row>): void =>
    setRows((now) => now.map((row) => (row.id === id ? { ...row, ...changes } : row)));
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
      title={t("attributes.title")}
      about={<bdi className="break-all">{nameOf(file)}</bdi>}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="attributes" busy={saving.isPending}>
            {frame("save")}
          </Button>
        </>
      }
    >
      <form id="attributes" onSubmit={submit} className="flex flex-col gap-2">
        <p className="text-sm text-muted">{t("attributes.about")}</p>
        {rows.map((row) => (
          <div key={row.id} className="flex gap-2">
            <Input
              aria-label={t("attributes.key")}
              placeholder={t("attributes.key")}
              required
              maxLength={64}
              value={row.key}
              onChange={(event) => change(row.id, { key: event.target.value })}
            />
            <Input
              aria-label={t("attributes.value")}
              placeholder={t("attributes.value")}
              maxLength={512}
              value={row.value}
              onChange={(event) => change(row.id, { value: event.target.value })}
            />
            <IconButton
              icon={Trash2}
              label={t("attributes.remove", { key: row.key })}
              onClick={() => setRows((now) => now.filter((one) => one.id !== row.id))}
            />
          </div>
        ))}
        {rows.length < MOST && (
          <Button
            size="small"
            icon={Plus}
            className="self-start"
            onClick={() => setRows((now) => [...now, { id: (now.at(-1)?.id ?? 0) + 1, key: "", value: "" }])}
          >
            {t("attributes.add")}
          </Button>
        )}
        {saving.isError && <ErrorNotice error={saving.error} />}
      </form>
    </Dialog>
  );
}
