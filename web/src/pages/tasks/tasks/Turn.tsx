import { useMutation } from "@tanstack/react-query";
import { RotateCcw, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, useToast } from "@/components";

import { isOpen, useRenew, type Task } from "../data";

/** Stops a task, or begins it again. */
export function Turn({ task }: { task: Task }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const open = isOpen(task.state);
  const params = { task_id: task.id };
  const turning = useMutation({
    mutationFn: () =>
      open ? api.post("/v1/tasks/{task_id}/cancel", { params }) : api.post("/v1/tasks/{task_id}/retry", { params }),
    onSuccess: () => renew("/v1/tasks", "/v1/tasks/{task_id}", "/v1/tasks/{task_id}/trace"),
    onError: toast.failed,
  });
  if (task.state === "completed") return null;
  const word = open ? t("one.cancel") : t("one.retry");
  return (
    <Button
      size="small"
      icon={open ? X : RotateCcw}
      busy={turning.isPending}
      disabled={open && task.cancel_requested}
      aria-label={t("one.turn", { word, what: task.capability ?? task.flow, id: task.id })}
      onClick={() => turning.mutate()}
    >
      {word}
    </Button>
  );
}
