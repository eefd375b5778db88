import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { Async, Badge, Button, ErrorNotice, Field, Input, Panel } from "@/components";
import { isRecord, least, type Schema } from "@/components/schema/schema";

import { InputForm } from "../capabilities/InputForm";
import { useRenew, type Flow } from "../data";
import { Head } from "../parts";

/** A form of what a flow takes; its run is a task, which is opened. `version` null = the newest. */
export default function RunFlow({ name, version }: { name: string; version: number | null }) {
  const { t } = useTranslation("tasks");
  const found = useQuery(get("/v1/flows/{name}", { params: { name }, query: { version } }));
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="flows"
        id={name}
        back={name}
        title={t("flowRun.title", { name })}
        beside={found.data && <Badge>{t("versions.one", { number: found.data.version })}</Badge>}
      />
      <Async query={found}>{(flow) => <Form key={flow.version} flow={flow} isNewest={version === null} />}</Async>
    </section>
  );
}

function Form({ flow, isNewest }: { flow: Flow; isNewest: boolean }) {
  const { t } = useTranslation("tasks");
  const navigate = useNavigate();
  const renew = useRenew();
  const schema = (isRecord(flow.spec.input_schema) ? flow.spec.input_schema : {}) as Schema;
  const examples = Array.isArray(flow.spec.examples) ? (flow.spec.examples as unknown[]) : [];
  const [input, setInput] = useState<unknown>(() => examples[0] ?? least(schema, schema) ?? {});
  const [priority, setPriority] = useState(0);
  const run = useMutation({
    mutationFn: () => api.post("/v1/tasks", { body: { flow: isNewest ? flow.name : `${flow.name}@${flow.version}`, input, priority } }),
    onSuccess: async (task) => {
      await renew("/v1/tasks", "/v1/human");
      await navigate({ to: "/tasks", hash: `tasks/${task.id}` });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    run.mutate();
  };
  return (
    <div className="max-w-3xl">
      <Panel>
        {(flow.title || flow.description) && (
          <div dir="auto" className="mb-4">
            {flow.title && <p className="font-medium">{flow.title}</p>}
            {flow.description && <p className="break-words whitespace-pre-line text-muted">{flow.description}</p>}
          </div>
        )}
        <InputForm
          label={t("flowRun.title", { name: flow.name })}
          schema={schema}
          examples={examples.map((example, number) => ({ name: t("flowRun.example", { number: number + 1 }), input: example }))}
          input={input}
          onChange={setInput}
          onSubmit={submit}
        >
          <Field label={t("flowRun.priority")} hint={t("flowRun.priorityHint")} className="max-w-60">
            <Input type="number" step={1} min={-100} max={100} value={priority} onChange={(event) => setPriority(Number(event.target.value))} />
          </Field>
          <div>
            <Button type="submit" look="primary" icon={Play} busy={run.isPending}>
              {t("run.run")}
            </Button>
          </div>
        </InputForm>
        {run.error && <ErrorNotice error={run.error} className="mt-4" />}
      </Panel>
    </div>
  );
}
