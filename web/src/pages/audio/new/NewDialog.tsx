import { X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, Dialog, Field, IconButton, Input } from "@/components";
import { useFormat } from "@/i18n/format";

import { useSending } from "./sending";
import { keepWishes, lastWishes } from "./wishes";
import { WishesForm } from "./WishesForm";

export interface NewDialogProps {
  /** What is to be sent; empty = an address is asked for. */
  files: File[];
  onFiles: (files: File[]) => void;
  onClose: () => void;
}

/** Says what is wanted of new recordings and sends them. */
export function NewDialog({ files, onFiles, onClose }: NewDialogProps) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const { send } = useSending();
  const [wishes, setWishes] = useState(lastWishes);
  const [titles, setTitles] = useState(new Map<File, string>());
  const [address, setAddress] = useState("");
  const [byAddress] = useState(files.length === 0);
  const ready = byAddress ? /^https?:\/\/\S+$/.test(address.trim()) : files.length > 0;
  const begin = (): void => {
    keepWishes(wishes);
    if (byAddress) send([{ sound: address.trim(), title: "" }], wishes);
    else send(files.map((sound) => ({ sound, title: titles.get(sound) ?? "" })), wishes);
    onClose();
  };
  return (
    <Dialog
      wide
      open
      onOpenChange={(open) => !open && onClose()}
      title={byAddress ? t("new.byAddress") : t("new.title", { count: files.length })}
      about={t("new.about")}
      footer={
        <>
          <Button onClick={onClose}>{t("frame:cancel")}</Button>
          <Button look="primary" type="submit" form="new-recordings" disabled={!ready}>
            {t("new.send")}
          </Button>
        </>
      }
    >
      <form
        id="new-recordings"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) begin();
        }}
      >
        {byAddress ? (
          <Field label={t("new.address")} hint={t("new.addressHint")}>
            <Input
              dir="ltr"
              type="url"
              required
              placeholder="https://"
              value={address}
              onChange={(event) => setAddress(event.target.value)}
            />
          </Field>
        ) : (
          <ul className="flex max-h-56 flex-col gap-2 overflow-y-auto">
            {files.map((file) => (
              <li key={`${file.name} ${file.size} ${file.lastModified}`} className="flex items-center gap-2">
                <Input
                  aria-label={t("new.titleOf", { name: file.name })}
                  maxLength={200}
                  placeholder={file.name}
                  value={titles.get(file) ?? ""}
                  onChange={(event) => setTitles(new Map(titles).set(file, event.target.value))}
                />
                <span className="w-20 shrink-0 text-end text-sm text-muted tabular-nums">{format.bytes(file.size)}</span>
                <IconButton
                  icon={X}
                  size="small"
                  label={t("new.leaveOut", { name: file.name })}
                  onClick={() => onFiles(files.filter((one) => one !== file))}
                />
              </li>
            ))}
          </ul>
        )}
        <WishesForm wishes={wishes} onChange={setWishes} />
      </form>
    </Dialog>
  );
}
