import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CircleCheck, History, Play, Save } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, get, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { asApiError } from "@/api/problem";
import { Badge, Button, Confirm, ErrorNotice, Spinner, useToast } from "@/components";
import { isRecord } from "@/components/schema/schema";

import { useRenew, type Flow } from "../data";
import { JsonEditor, type Mark } from "../json/JsonEditor";
import { readJson } from "../json/places";
import { Head, ToButton } from "../parts";
import { Simulation } from "./Simulation";

/** What a new flow begins with. */
const FIRST = {
  title: "",
  input_schema: { type: "object", properties: { question: { type: "string" } }, required: ["question"] },
  steps: [
    { id: "draft", use: "builtin.chat", timeout_s: 30, map: { prompt: "{{ $.input.question }}" } },
    { id: "person", human: { kind: "answer", title: "{{ $.input.question }}", due_s: 3600 } },
  ],
};

/** A flow as JSON: checked, pretended, kept. One that is not there yet begins with an example. */
export default function FlowPage({ name }: { name: string }) {
  const { t } = useTranslation("tasks");
  const found = useQuery({ ...get("/v1/flows/{name}", { params: { name } }), retry: false });
  const mayRun = useMay("tasks");
  const missing = found.error !== null && asApiError(found.error).status === 404;
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="flows"
        back={t("flows.title")}
        title={name}
        beside={found.data && <Badge kind={found.data.source === "own" ? "accent" : "neutral"}>{t(`flows.sources.${found.data.source}`)}</Badge>}
        actions={
          found.data && (
            <>
              {mayRun && (
                <ToButton part="flows" id={`${name}/run`} icon={Play} look="primary">
                  {t("run.run")}
                </ToButton>
              )}
              <ToButton part="flows" id={`${name}/versions`} icon={History}>
                {t("versions.title")}
              </ToButton>
              {found.data.source === "own" && <Remove name={name} />}
            </>
          )
        }
      />
      {found.isPending && <Spinner />}
      {found.error && !missing && <ErrorNotice error={found.error} />}
      {(found.data ?? (missing ? null : undefined)) !== undefined && <Editor key={found.data?.version ?? 0} name={name} kept={found.data ?? null} />}
    </section>
  );
}

function Remove({ name }: { name: string }) {
  const { t } = useTranslation("tasks");
  const renew = useRenew();
  const navigate = useNavigate();
  const remove = async (): Promise<void> => {
    await api.delete("/v1/flows/{name}", { params: { name } });
    await renew("/v1/flows");
    await navigate({ to: "/tasks", hash: "flows" });
  };
  return (
    <Confirm
      title={t("capabilities.removeTitle", { name })}
      about={t("flows.removeAbout")}
      action={t("frame:delete")}
      onConfirm={remove}
      trigger={<Button>{t("frame:delete")}</Button>}
    />
  );
}

/** The flow that is typed, null while it is none. */
function read(text: string): Record<string, unknown> | null {
  const found = readJson(text);
  return found.ok && isRecord(found.value) ? found.value : null;
}

/** Faults by their places: those that a check found, and the one for which it was not kept. */
function marksOf(found: Schemas["ValidationRead"] | undefined, refused: unknown): Mark[] {
  if (refused !== null) {
    const { param, message } = asApiError(refused);
    return param?.startsWith("/") ? [{ pointer: param, message: message.replace(`${param}: `, ""), bad: true }] : [];
  }
  if (!found) return [];
  return [...found.problems.map((one) => ({ ...one, bad: true })), ...found.warnings.map((one) => ({ ...one, bad: false }))];
}

function Editor({ name, kept }: { name: string; kept: Flow | null }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const [text, setText] = useState(() => JSON.stringify(kept?.spec ?? FIRST, null, 2));
  const spec = useMemo(() => read(text), [text]);
  const params = { name };
  const check = useMutation({ mutationFn: () => api.post("/v1/flows/{name}/validate", { params, body: spec ?? {} }) });
  const save = useMutation({
    mutationFn: () => api.put("/v1/flows/{name}", { params, body: spec ?? {} }),
    onSuccess: async (done) => {
      toast.done(t("flows.saved", { version: done.version }));
      await renew("/v1/flows", "/v1/flows/{name}", "/v1/flows/{name}/versions");
    },
  });
  const marks = useMemo(() => marksOf(check.data, save.error), [check.data, save.error]);
  const valid = check.data?.valid;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-3">
        <JsonEditor
          label={t("flows.json")}
          rows={24}
          text={text}
          marks={marks}
          onChange={(next) => {
            setText(next);
            // What was found was found in something else.
            check.reset();
            save.reset();
          }}
        />
        <div aria-live="polite">
          {valid !== undefined && !save.error && <Badge kind={valid ? "good" : "bad"}>{valid ? t("flows.valid") : t("flows.invalid")}</Badge>}
        </div>
        {check.error && <ErrorNotice error={check.error} />}
        {save.error && <ErrorNotice error={save.error} />}
        <div className="flex flex-wrap gap-2">
          <Button icon={CircleCheck} busy={check.isPending} disabled={spec === null} onClick={() => check.mutate()}>
            {t("flows.check")}
          </Button>
          <Button
            look="primary"
            icon={Save}
            busy={save.isPending}
            disabled={spec === null}
            onClick={() => {
              check.reset();
              save.mutate();
            }}
          >
            {t("frame:save")}
          </Button>
        </div>
      </div>
      <Simulation name={name} spec={spec} />
    </div>
  );
}
