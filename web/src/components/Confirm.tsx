import { AlertDialog } from "radix-ui";
import { useState, type ReactElement, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "./Button";
import { ErrorNotice } from "./ErrorNotice";

export interface ConfirmProps {
  title: string;
  /** What will happen, and whether it can be undone. */
  about: ReactNode;
  /** What the button says that does it, e.g. "Revoke". */
  action: string;
  /** Does it; the question stays until it is done and shows the error when it fails. */
  onConfirm: () => Promise<unknown>;
  trigger?: ReactElement;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
  danger?: boolean;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, about, action, onConfirm, trigger, open, onOpenChange, danger = true }: ConfirmProps) {
  const { t } = useTranslation("frame");
  const [own, setOwn] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const change = (next: boolean): void => {
    if (busy) return;
    setError(null);
    setOwn(next);
    onOpenChange?.(next);
  };
  const confirm = async (): Promise<void> => {
    setBusy(true);
    try {
      await onConfirm();
      setOwn(false);
      onOpenChange?.(false);
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return (
    <AlertDialog.Root open={open ?? own} onOpenChange={change}>
      {trigger && <AlertDialog.Trigger asChild>{trigger}</AlertDialog.Trigger>}
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fixed inset-0 z-40 bg-black/45" />
        <AlertDialog.Content className="fixed inset-x-3 top-1/2 z-40 mx-auto max-w-md -translate-y-1/2 rounded-xl border border-line bg-raised p-5 shadow-2xl focus:outline-none">
          <AlertDialog.Title dir="auto" className="text-lg font-semibold break-words">
            {title}
          </AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className="mt-1.5 text-muted break-words">{about}</div>
          </AlertDialog.Description>
          {error !== null && <ErrorNotice error={error} className="mt-3" />}
          <div className="mt-5 flex flex-wrap justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button disabled={busy}>{t("cancel")}</Button>
            </AlertDialog.Cancel>
            <Button look={danger ? "danger" : "primary"} busy={busy} onClick={() => void confirm()}>
              {action}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
