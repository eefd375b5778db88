import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, ErrorNotice, Field, Textarea } from "@/components";

import type { Asked } from "../data";

/** Says no to a question, with a reason. */
export function Reject({ one, open, onOpenChange, onSaid, disabled }: RejectProps) {
  const { t } = useTranslation("tasks");
  return (
    <Dialog
      title={t("inbox.rejectTitle")}
      about={t("inbox.rejectAbout")}
      open={open}
      onOpenChange={onOpenChange}
      trigger={<Button disabled={disabled}>{t("inbox.reject")}</Button>}
    >
      <RejectForm one={one} onSaid={onSaid} />
    </Dialog>
  );
}

interface RejectProps {
  one: Asked;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onSaid: () => Promise<void>;
  disabled: boolean;
}

function RejectForm({ one, onSaid }: Pick<RejectProps, "one" | "onSaid">) {
  const { t } = useTranslation("tasks");
  const [reason, setReason] = useState("");
  const reject = useMutation({
    mutationFn: () =>
      api.post("/v1/human/{request_id}/reject", { params: { request_id: one.id }, body: { comment: reason.trim(), version: one.version } }),
    onSuccess: onSaid,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    reject.mutate();
  };
  const press = (event: KeyboardEvent): void => {
    // A dialog is a child of the form that opened it, wherever it is drawn: its keys are its own.
    event.stopPropagation();
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    (event.currentTarget as HTMLFormElement).requestSubmit();
  };
  return (
    <form onSubmit={submit} onKeyDown={press} className="flex flex-col gap-4">
      <Field label={t("asking.reason")} hint={t("asking.reasonHint")}>
        <Textarea autoFocus maxLength={10_000} value={reason} onChange={(event) => setReason(event.target.value)} />
      </Field>
      {reject.error && <ErrorNotice error={reject.error} />}
      <Button type="submit" look="danger" busy={reject.isPending} className="self-end">
        {t("inbox.reject")}
      </Button>
    </form>
  );
}
