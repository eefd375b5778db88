import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Badge, Button, ErrorNotice, Field, Json, Panel, Select } from "@/components";
import { JsonInput } from "@/components/schema/SchemaForm";
import { isRecord, least, type Schema } from "@/components/schema/schema";
import { useFormat } from "@/i18n/format";

import { Failure as Failed } from "../parts";

/** What a step is: a call, a question to a person, a wait for a signal. */
type Kind = "call" | "human" | "signal";

function kindOf(step: Record<string, unknown>): Kind {
  if (isRecord(step.human)) return "human";
  return typeof step.signal === "string" ? "signal" : "call";
}

function stepsOf(spec: Record<string, unknown> | null): { id: string; kind: Kind }[] {
  const steps = Array.isArray(spec?.steps) ? spec.steps : [];
  return steps.flatMap((one: unknown) => (isRecord(one) && typeof one.id === "string" ? [{ id: one.id, kind: kindOf(one) }] : []));
}

/** How a step can go wrong; "" = it goes well. */
const FAILURES = [
  "unavailable",
  "timeout",
  "rate_limited",
  "worker_lost",
  "bad_output",
  "invalid_input",
  "auth",
  "not_found",
  "unknown_outcome",
] as const;
const PEOPLE = ["reject", "silent"] as const;
const SIGNALS = ["late"] as const;
const FATES = { call: FAILURES, human: PEOPLE, signal: SIGNALS } as const;
const WELL = { call: "pretending.well", human: "pretending.answers", signal: "pretending.comes" } as const;

type Failure = (typeof FAILURES)[number];
type Fate = Failure | (typeof PEOPLE)[number] | (typeof SIGNALS)[number] | "";

function isFailure(fate: Fate | undefined): fate is Failure {
  return FAILURES.some((one) => one === fate);
}

/** The way a flow would take where steps fail and people say no or nothing; nothing is called, and nobody is asked. */
export function Simulation({ name, spec }: { name: string; spec: Record<string, unknown> | null }) {
  const { t } = useTranslation("tasks");
  const schema = (isRecord(spec?.input_schema) ? spec.input_schema : {}) as Schema;
  const [input, setInput] = useState<unknown>(() => least(schema, schema) ?? {});
  const [fates, setFates] = useState<Record<string, Fate>>({});
  const steps = stepsOf(spec);
  const ended = (...wanted: Fate[]): string[] =>
    steps.filter((one) => one.kind !== "call" && wanted.includes(fates[one.id] ?? "")).map((one) => one.id);
  const failing = (): Record<string, Failure> =>
    Object.fromEntries(
      steps.flatMap((one) => {
        const fate = fates[one.id];
        return one.kind === "call" && isFailure(fate) ? [[one.id, fate] as const] : [];
      }),
    );
  const simulate = useMutation({
    mutationFn: () =>
      api.post("/v1/flows/{name}/simulate", {
        params: { name },
        body: {
          input,
          fail: failing(),
          reject: ended("reject"),
          silent: ended("silent", "late"),
          outputs: {},
          spec,
        },
      }),
  });
  return (
    <Panel title={t("flows.simulate")}>
      <div className="flex flex-col gap-4">
        <JsonInput label={t("one.input")} rows={5} value={input} onChange={setInput} />
        <fieldset className="flex min-w-0 flex-col gap-2">
          <legend className="mb-1 text-sm font-medium">{t("flows.fail")}</legend>
          {steps.map((one, number) => (
            <Field key={number} label={one.id}>
              <Select
                choices={(["", ...FATES[one.kind]] as const).map((value) => ({
                  value,
                  label: value === "" ? t(WELL[one.kind]) : t(`pretending.fates.${value}`),
                }))}
                value={fates[one.id] ?? ""}
                onChange={(fate) => setFates({ ...fates, [one.id]: fate as Fate })}
              />
            </Field>
          ))}
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

/** A wait that nothing would ever end is no failure yet, and no success. */
const ENDS = { completed: "good", failed: "bad", waiting: "warn" } as const;

function Way({ found }: { found: Schemas["SimulationRead"] }) {
  const { t } = useTranslation("tasks");
  const format = useFormat();
  return (
    <section aria-label={t("flows.way")} aria-live="polite" className="flex flex-col gap-3">
      <div>
        <Badge kind={ENDS[found.state]}>{t(`states.${found.state}`)}</Badge>
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
      {found.error && <Failed error={found.error} />}
      {found.state === "completed" && <Json label={t("one.output")} value={found.output} />}
    </section>
  );
}
