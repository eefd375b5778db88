import { useMutation } from "@tanstack/react-query";
import { Hand } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, useToast } from "@/components";

import { useRenew, type Asked } from "../data";
import { useOwnNames, useWho } from "./people";

/** Whether somebody else works on it, so that it is not ours to answer. */
export function useIsOthers(): (one: Asked) => boolean {
  const mine = useOwnNames();
  return (one) => one.claimed_by !== null && !mine.includes(one.claimed_by);
}

/** Takes a question on, also from whoever has it. */
export function useClaim() {
  const toast = useToast();
  const renew = useRenew();
  return useMutation({
    mutationFn: ({ id, takeOver }: { id: string; takeOver: boolean }) =>
      api.post("/v1/human/{request_id}/claim", { params: { request_id: id }, body: { take_over: takeOver } }),
    onSuccess: () => renew("/v1/human", "/v1/human/{request_id}"),
    onError: toast.failed,
  });
}

/** Who works on a question, and the button that makes it ours. */
export function Claim({ one }: { one: Asked }) {
  const { t } = useTranslation("tasks");
  const who = useWho();
  const isOthers = useIsOthers()(one);
  const claim = useClaim();
  return (
    <div role="group" aria-label={t("asking.work")} className="flex flex-wrap items-center gap-3 rounded-lg border border-line bg-surface px-4 py-2">
      <span dir="auto" className="min-w-0 flex-1 basis-48 break-words">
        {one.claimed_by === null ? t("asking.nobody") : isOthers ? t("asking.other", { who: who(one.claimed_by) }) : t("asking.mine")}
      </span>
      {(one.claimed_by === null || isOthers) && (
        <Button size="small" icon={Hand} busy={claim.isPending} onClick={() => claim.mutate({ id: one.id, takeOver: isOthers })}>
          {t(isOthers ? "asking.takeOver" : "asking.claim")}
        </Button>
      )}
    </div>
  );
}
