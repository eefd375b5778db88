import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Button, useToast } from "@/components";

import { useRenew, type Capability } from "../data";

/** Switches a capability of one's own on and off. */
export function OnOff({ one, short }: { one: Capability; short?: boolean }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const mayChange = useMay("capabilities");
  const turn = useMutation({
    mutationFn: () => api.patch("/v1/capabilities/{name}", { params: { name: one.name }, body: { enabled: !one.enabled } }),
    onSuccess: () => renew("/v1/capabilities", "/v1/capabilities/{name}"),
    onError: toast.failed,
  });
  if (!mayChange || !one.own || one.origin === "builtin") return null;
  const word = one.enabled ? t("capabilities.disable") : t("capabilities.enable");
  return (
    <Button
      size={short ? "small" : "normal"}
      busy={turn.isPending}
      aria-label={t("capabilities.turn", { word, name: one.name })}
      onClick={() => turn.mutate()}
    >
      {word}
    </Button>
  );
}
