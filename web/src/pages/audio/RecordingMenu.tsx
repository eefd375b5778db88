import { CircleStop, Ellipsis, RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Confirm, IconButton, Menu, type MenuItem } from "@/components";

import { isActive, type Recording } from "./states";
import { useJobActions } from "./useJobActions";

/** What can be done to a recording from where it is listed. */
export function RecordingMenu({ recording }: { recording: Recording }) {
  const { t } = useTranslation("audio");
  const actions = useJobActions();
  const mayWork = useMay("jobs:write");
  const mayWrite = useMay("audio:write");
  const [asking, setAsking] = useState(false);
  const items: MenuItem[] = [
    ...(mayWork && isActive(recording)
      ? [{ label: t("cancel"), icon: CircleStop, onSelect: () => void actions.cancel(recording) }]
      : []),
    ...(mayWork && recording.status === "FAILED"
      ? [{ label: t("retry"), icon: RotateCw, onSelect: () => void actions.retry(recording) }]
      : []),
    ...(mayWrite ? [{ label: t("frame:delete"), icon: Trash2, danger: true, onSelect: () => setAsking(true) }] : []),
  ];
  if (items.length === 0) return null;
  return (
    <>
      <Menu
        label={t("actionsOf", { title: recording.title })}
        items={items}
        trigger={<IconButton icon={Ellipsis} size="small" label={t("actionsOf", { title: recording.title })} />}
      />
      <DeleteQuestion recording={recording} open={asking} onOpenChange={setAsking} />
    </>
  );
}

export function DeleteQuestion({
  recording,
  open,
  onOpenChange,
  onGone,
}: {
  recording: Recording;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onGone?: () => void;
}) {
  const { t } = useTranslation("audio");
  const { remove } = useJobActions();
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={t("delete.title", { title: recording.title || recording.id })}
      about={t("delete.about")}
      action={t("frame:delete")}
      onConfirm={async () => {
        await remove(recording);
        onGone?.();
      }}
    />
  );
}
