import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Badge, Button, Checkbox, ErrorNotice, Json, Panel } from "@/components";
import { JsonInput } from "@/components/schema/SchemaForm";
import { isRecord, least, type Schema } from "@/components/schema/schema";
import { useFormat } from "@/i18n/format";

import { Failure } from "../parts";

/** Steps by what does them: a capability, or a person. */
function stepsOf(spec: Record<string, unknown> | null): { id: string; human: boolean }[] {
  const steps = Array.isArray(spec?.steps) ? spec.steps : [];
  return steps.flatMap((one: unknown) => (isRecord(one) && typeof one.id === "string" ? [{ id: one.id, human: isRecord(one.human) }] : []));
}

/** The way a flow would take where steps fail and people say no; nothing is called, and nobody is asked. */
export function Simulation({ name, spec }: { name: string; spec: Record<string, unknown> | null }) {
  const { t } = useTranslation("tasks");
  const schema = (isRecord(spec?.input_schema) ? spec.input_schema : {}) as Schema;
  const [input, setInput] = useState<unknown>(() => least(schema, schema) ?? {});
  const [fail, setFail] = useState<string[]>([]);
  const steps = stepsOf(spec);
  const named = (human: boolean): string[] => steps.filter((one) => one.human === human && fail.includes(one.id)).map((one) => one.id);
  const simulate = useMutation({
    mutationFn: () =>
      api.post("/v1/flows/{name}/simulate", {
        params: { name },
        body: { input, fail: named(false), reject: named(true), silent: [], outputs: {}, spec },
      }),
  });
  return (
    <Panel title={t("flows.simulate")}>
      <div className="flex flex-col gap-4">
        <JsonInput label={t("one.input")} rows={5} value={input} onChange={setInput} />
        <fieldset>
          <legend className="text-sm font-medium">{t("flows.fail")}</legend>
          <div className="flex flex-wrap gap-x-4">
            {steps.map((one) => (
              <Checkbox
                key={one.id}
                label={<bdi>{one.human ? t("flows.saysNo", { step: one.id }) : one.id}</bdi>}
                checked={fail.includes(one.id)}
                onChange={(event) => setFail(event.target.checked ? [...fail, one.id] : fail.filter((id) => id !== one.id))}
              />
            ))}
          </div>
        </fieldset>
        <div>
          <Button icon={Play} busy={simulate.isPending} disabled={spec === null} onClick={() => simulate.mutate()}>
            {t("flows.pretend")}
          </Button>
        </div>
        {simulate.error && <ErrorNotice error={simulate.error} />}
        {simulate.data && <Way found={simulate.data} />}
      </div>
    </Panel>
  );
}

function Way({ found }: { found: Schemas["SimulationRead"] }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <section aria-label={t("flows.way")} aria-live="polite" className="flex flex-col gap-3">
      <div>
        <Badge kind={found.state === "completed" ? "good" : "bad"}>{t(`states.${found.state}`)}</Badge>
      </div>
      <ol className="flex flex-col gap-1.5 border-s-2 border-line ps-3 text-sm">
        {found.path.map((one, number) => (
          <li key={number} className="flex flex-wrap items-center gap-x-3">
            <span className="text-muted tabular-nums">{format.duration(one.at_s)}</span>
            <bdi className="font-medium">{one.step}</bdi>
            <span>{t(`flows.actions.${one.action}`)}</span>
            {one.target && <bdi className="break-all text-muted">{one.target}</bdi>}
            {one.outcome && <Badge kind={one.outcome === "ok" ? "good" : "bad"}>{one.outcome}</Badge>}
          </li>
        ))}
      </ol>
      {found.error && <Failure error={found.error} />}
      {found.state === "completed" && <Json label={t("one.output")} value={found.output} />}
    </section>
  );
}
