import { useMutation, useQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, get, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";
import { Button, ErrorNotice, Field, Progress, Select, Textarea } from "@/components";
import type { Schema } from "@/components/schema/schema";

import { useChoices } from "../new/useChoices";
import { SchemaView } from "../schema/SchemaView";
import { isActive, type Template } from "../states";
import { useJobProgress } from "../useJobProgress";

const AGAIN_MS = 1_000;

/** Tries the saved template on a text; what was made for it is deleted again. */
export function TrialPart({ template, dirty }: { template: Template; dirty: boolean }) {
  const { t } = useTranslation("audio");
  const choices = useChoices();
  const [text, setText] = useState("");
  const [model, setModel] = useState("");
  const start = useMutation({
    mutationFn: () =>
      api.post("/v1/process_text", {
        body: {
          text,
          features: ["summary"],
          template_id: template.id,
          title: t("templates.trialOf", { name: template.title || template.name }).slice(0, 200),
          metadata: {},
          ...(model ? { model } : {}),
        },
      }),
  });
  return (
    <div className="grid items-start gap-6 lg:grid-cols-2">
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate();
        }}
      >
        <p className="text-muted">{t("templates.trialAbout")}</p>
        {dirty && !template.builtin && <p className="rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn">{t("templates.trialUnsaved")}</p>}
        <Field label={t("templates.trialText")}>
          <Textarea rows={10} required value={text} onChange={(event) => setText(event.target.value)} />
        </Field>
        <Field label={t("wishes.model")}>
          <Select choices={choices.models} value={model} onChange={setModel} />
        </Field>
        <div>
          <Button look="primary" type="submit" icon={FlaskConical} busy={start.isPending} disabled={!text.trim()}>
            {t("templates.try")}
          </Button>
        </div>
        {start.error && <ErrorNotice error={start.error} />}
      </form>
      {start.data && <Outcome key={start.data.task_id} taskId={start.data.task_id} schema={template.schema as Schema} />}
    </div>
  );
}

function Outcome({ taskId, schema }: { taskId: string; schema: Schema }) {
  const { t } = useTranslation("audio");
  const [ended, setEnded] = useState<Schemas["StatusRead"] | null>(null);
  const { last } = useJobProgress(taskId, ended === null);
  const status = useQuery({
    ...get("/v1/status/{task_id}", { params: { task_id: taskId } }),
    refetchInterval: AGAIN_MS,
    enabled: ended === null,
  });
  const now = status.data;
  useEffect(() => {
    if (!now || isActive(now) || ended) return;
    setEnded(now);
    // It was made to be looked at once; where it stays after all, the list shows it.
    void api.delete("/v1/recordings/{recording_id}", { params: { recording_id: taskId } }).catch(() => undefined);
  }, [now, ended, taskId]);
  if (status.error && !ended) return <ErrorNotice error={status.error} />;
  if (!ended) {
    return (
      <div role="status">
        <p className="mb-2">{last?.stage ? t(`stage.${last.stage}`) : t("status.PENDING")}</p>
        <Progress label={t("progress")} share={Math.max(last?.progress ?? 0, now?.progress ?? 0)} />
      </div>
    );
  }
  if (ended.status === "FAILED") {
    const error = ended.error as { code?: string; message?: string } | null;
    return <ErrorNotice error={new ApiError(0, error?.code ?? "failed", error?.message ?? t("status.FAILED"))} />;
  }
  return (
    <section aria-label={t("templates.result")} className="min-w-0">
      <h2 className="mb-2 font-semibold">{t("templates.result")}</h2>
      <SchemaView value={ended.results.summary} schema={schema} />
    </section>
  );
}
