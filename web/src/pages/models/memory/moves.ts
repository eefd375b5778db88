import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useToast } from "@/components";

import { useRenew } from "../data";

/** Models in and out of memory, with a note of what came of it. */
export function useMoves() {
  const { t } = useTranslation("models");
  const toast = useToast();
  const renew = useRenew();
  const after = (key: string) => async (_: unknown, { name }: { name: string }): Promise<void> => {
    toast.done(t(key, { name }));
    await renew("/v1/models/status");
  };
  const loading = useMutation({
    mutationFn: ({ name, pin }: { name: string; pin: boolean | null }) => api.post("/v1/models/load", { body: { model: name, pin, stream: false } }),
    onSuccess: (answer, asked) => after(asked.pin === false ? "memory.unpinned" : "memory.loaded")(answer, asked),
    onError: toast.failed,
  });
  const unloading = useMutation({
    mutationFn: ({ name }: { name: string }) => api.post("/v1/models/unload", { body: { model: name, stream: false } }),
    onSuccess: after("memory.unloaded"),
    onError: toast.failed,
  });
  return {
    /** Into memory; `pin` keeps it there, or lets it leave again; null = as it is. */
    load: (name: string, pin: boolean | null): void => loading.mutate({ name, pin }),
    unload: (name: string): void => unloading.mutate({ name }),
    isMoving: loading.isPending || unloading.isPending,
  };
}
