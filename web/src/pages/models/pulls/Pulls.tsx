import { useMutation, useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, EmptyState, ErrorNotice, Field, Input, Panel } from "@/components";

import { pullsQuery, useRenew } from "../data";
import { PullRow } from "./PullRow";

/** Downloads of models: begun here, and followed while they go on. */
export function Pulls() {
  const { t } = useTranslation("models");
  const pulls = useQuery(pullsQuery);
  const mayWrite = useMay("models:write");
  return (
    <section className="flex flex-col gap-4">
      {mayWrite && <PullForm />}
      <Async query={pulls}>
        {(list) =>
          list.data.length === 0 ? (
            <EmptyState icon={Download} title={t("pulls.none")}>
              {t("pulls.noneAbout")}
            </EmptyState>
          ) : (
            <ul aria-label={t("pulls.title")} className="divide-y divide-line rounded-lg border border-line bg-surface px-4">
              {list.data.map((job) => (
                <PullRow key={job.id} job={job} />
              ))}
            </ul>
          )
        }
      </Async>
    </section>
  );
}

function PullForm() {
  const { t } = useTranslation("models");
  const renew = useRenew();
  const [name, setName] = useState("");
  const pulling = useMutation({
    mutationFn: () => api.post("/v1/models/pull", { body: { model: name.trim(), pin: false, stream: false } }),
    onSuccess: async () => {
      setName("");
      await renew("/v1/jobs");
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    pulling.mutate();
  };
  return (
    <Panel>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <div className="flex flex-wrap items-end gap-3">
          <Field label={t("pulls.name")} className="flex-1 basis-72">
            <Input
              required
              dir="ltr"
              maxLength={200}
              placeholder="ollama/qwen3:4b"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          <Button type="submit" look="primary" icon={Download} busy={pulling.isPending}>
            {t("pulls.begin")}
          </Button>
        </div>
        <p className="text-sm text-muted">{t("pulls.hint")}</p>
        {pulling.error && <ErrorNotice error={pulling.error} />}
      </form>
    </Panel>
  );
}
