import { Ellipsis, KeyRound, Pencil, Stethoscope, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Confirm, IconButton, Menu, useToast, type MenuItem } from "@/components";

import { useRenew, type Provider } from "../data";

/** What is done with the providers: which window is open. */
export type Act =
  | { what: "add" }
  | { what: "change"; provider: Provider }
  | { what: "rotate" | "test"; name: string };

/** What can be done with one provider; those of the file are changed there. */
export function ProviderMenu({ provider, onAct }: { provider: Provider; onAct: (act: Act) => void }) {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const toast = useToast();
  const renew = useRenew();
  const [removing, setRemoving] = useState(false);
  const { name } = provider;
  const remove = async (): Promise<void> => {
    await api.delete("/v1/providers/{name}", { params: { name } });
    await renew("/v1/providers", "/v1/models");
    toast.done(t("providers.removed", { name }));
  };
  const changes: (MenuItem | "line")[] = [
    { label: t("edit"), icon: Pencil, onSelect: () => onAct({ what: "change", provider }) },
    { label: t("providers.rotate"), icon: KeyRound, onSelect: () => onAct({ what: "rotate", name }) },
    "line",
    { label: frame("delete"), icon: Trash2, danger: true, onSelect: () => setRemoving(true) },
  ];
  return (
    <>
      <Menu
        label={t("actions")}
        trigger={<IconButton icon={Ellipsis} size="small" label={t("actionsOf", { name })} />}
        items={[
          { label: t("providers.test"), icon: Stethoscope, onSelect: () => onAct({ what: "test", name }) },
          ...(provider.source === "api" ? changes : []),
        ]}
      />
      <Confirm
        open={removing}
        onOpenChange={setRemoving}
        title={t("providers.removeTitle", { name })}
        about={t("providers.removeAbout")}
        action={frame("delete")}
        onConfirm={remove}
      />
    </>
  );
}
