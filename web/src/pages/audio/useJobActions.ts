import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useToast } from "@/components";

import type { Recording } from "./states";

/** What can be done to a recording and its job; each tells the pages that something changed. */
export function useJobActions() {
  const { t } = useTranslation("audio");
  const queries = useQueryClient();
  const toast = useToast();
  const changed = async (): Promise<void> => {
    await Promise.all(
      ["/v1/recordings", "/v1/recordings/{recording_id}", "/v1/status/{task_id}", "/v1/jobs/{job_id}", "segments"].map(
        (key) => queries.invalidateQueries({ queryKey: [key] }),
      ),
    );
  };
  const tried = async (doing: Promise<unknown>, done: string): Promise<void> => {
    try {
      await doing;
      toast.done(done);
    } catch (error) {
      toast.failed(error);
    }
    await changed();
  };
  return {
    changed,
    cancel: (recording: Recording) =>
      tried(api.post("/v1/jobs/{job_id}/cancel", { params: { job_id: recording.job_id } }), t("cancelled")),
    retry: (recording: Recording) =>
      tried(api.post("/v1/jobs/{job_id}/retry", { params: { job_id: recording.job_id } }), t("retried")),
    /** Throws, so that the question that asked for it shows the error. */
    remove: async (recording: Recording): Promise<void> => {
      await api.delete("/v1/recordings/{recording_id}", { params: { recording_id: recording.id } });
      toast.done(t("deleted"));
      await queries.invalidateQueries({ queryKey: ["/v1/recordings"] });
    },
  };
}
