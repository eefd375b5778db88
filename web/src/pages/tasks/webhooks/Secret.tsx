import { useTranslation } from "react-i18next";

import { Button, CopyButton, Dialog } from "@/components";

/** A secret, shown this once. */
export function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  const { t } = useTranslation("tasks");
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("webhooks.secret")}
      about={t("webhooks.secretAbout")}
      footer={<Button onClick={onClose}>{t("frame:close")}</Button>}
    >
      <div className="flex items-center gap-2 rounded-md bg-sunken p-3">
        <code dir="ltr" className="min-w-0 flex-1 break-all" data-testid="webhook-secret">
          {secret}
        </code>
        <CopyButton text={secret} />
      </div>
    </Dialog>
  );
}
