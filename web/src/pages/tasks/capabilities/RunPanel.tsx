import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Badge, Button, CodeBlock, ErrorNotice, Json, Panel } from "@/components";
import { least, type Schema } from "@/components/schema/schema";

import { isOpen, STATE_KINDS, useFollowed, useRenew, useTask, type Capability, type Task } from "../data";
import { Failure, To } from "../parts";
import { curlOf } from "./curl";
import { InputForm } from "./InputForm";

/** Seconds that the answer of a run is waited for; what takes longer is followed by its events. */
const WAIT_S = 20;

/** A form made of the input's schema, its examples as buttons, and what came of the run. */
export function RunPanel({ one }: { one: Capability }) {
  const { t } = useTranslation("tasks");
  const schema = one.input_schema as Schema;
  const [input, setInput] = useState<unknown>(() => one.examples[0]?.input ?? least(schema, schema) ?? {});
  const renew = useRenew();
  const run = useMutation({
    mutationFn: () =>
      api.post("/v1/tasks", {
        body: { capability: one.name, input, priority: 0 },
        headers: { prefer: `wait=${WAIT_S}` },
      }),
    onSuccess: () => renew("/v1/tasks"),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    run.mutate();
  };
  return (
    <div className="flex flex-col gap-4">
      <Panel title={t("run.title")}>
        <InputForm label={t("run.title")} schema={schema} examples={one.examples} input={input} onChange={setInput} onSubmit={submit}>
          <div className="flex flex-wrap items-center gap-3">
            <Button type="submit" look="primary" icon={Play} busy={run.isPending} disabled={!one.enabled}>
              {t("run.run")}
            </Button>
            {!one.enabled && <span className="text-sm text-muted">{t("run.isOff")}</span>}
          </div>
        </InputForm>
        {run.error && <ErrorNotice error={run.error} className="mt-4" />}
        {run.data && <Outcome key={run.data.id} first={run.data} />}
      </Panel>
      <Panel title={t("run.code")}>
        <CodeBlock name="curl" text={curlOf(window.location.origin, one.name, input)} copy={t("run.copy")} />
      </Panel>
    </div>
  );
}

/** What came of a run; one that still goes on is followed to its end. */
function Outcome({ first }: { first: Task }) {
  const { t } = useTranslation("tasks");
  const going = isOpen(first.state);
  return (
    <div aria-live="polite" className="mt-4 flex flex-col gap-2 border-t border-line pt-4">
      {going ? <Going taskId={first.id} first={first} /> : <Ended task={first} />}
      <p className="text-sm">
        <To part="tasks" id={first.id}>
          {t("run.trace")}
        </To>
      </p>
    </div>
  );
}

function Going({ taskId, first }: { taskId: string; first: Task }) {
  const { t } = useTranslation("tasks");
  const found = useTask(taskId);
  const task = found.data ?? first;
  useFollowed(taskId, isOpen(task.state));
  if (!isOpen(task.state)) return <Ended task={task} />;
  return (
    <div>
      <Badge kind={STATE_KINDS[task.state]}>{t(`states.${task.state}`)}</Badge>
    </div>
  );
}

function Ended({ task }: { task: Task }) {
  const { t } = useTranslation("tasks");
  return (
    <>
      <div>
        <Badge kind={STATE_KINDS[task.state]}>{t(`states.${task.state}`)}</Badge>
      </div>
      {task.error && <Failure error={task.error} />}
      {task.state === "completed" && <Json label={t("one.output")} value={task.output} />}
    </>
  );
}
