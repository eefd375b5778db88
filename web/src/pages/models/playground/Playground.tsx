import { useQuery } from "@tanstack/react-query";
import { CircleOff } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Async, EmptyState, Field, Select } from "@/components";

import { modelsQuery, type Model } from "../data";
import { ChatTrial } from "./ChatTrial";
import { EmbeddingTrial } from "./EmbeddingTrial";
import { TranscriptionTrial } from "./TranscriptionTrial";
import { TRIALS, type Trial, type What } from "./trials";

const AUTO = "auto";

/** The names that can be asked for something; `auto` chooses for chats and recordings. */
function namesFor(what: What, models: Model[]): string[] {
  const able = models.filter((one) => one.id !== AUTO && one.operations?.includes(what)).map((one) => one.id);
  return what === "embeddings" || able.length === 0 ? able : [AUTO, ...able];
}

/** Ask a model something, see what comes, and take the call along. */
export function Playground({ trial, onChange }: { trial: Trial; onChange: (trial: Trial) => void }) {
  const { t } = useTranslation("models");
  const models = useQuery(modelsQuery);
  return (
    <Async query={models}>
      {(list) => {
        const names = namesFor(trial.what, list.data);
        const model = trial.model !== null && names.includes(trial.model) ? trial.model : names[0];
        return (
          <section className="flex flex-col gap-4">
            <div className="grid gap-4 sm:grid-cols-[16rem_minmax(0,1fr)]">
              <Field label={t("try.what")}>
                <Select
                  value={trial.what}
                  onChange={(what) => onChange({ what: what as What, model: null })}
                  choices={TRIALS.map((one) => ({ value: one, label: t(`operations.${one}`) }))}
                />
              </Field>
              {model !== undefined && (
                <Field label={t("model")}>
                  <Select
                    dir="ltr"
                    value={model}
                    onChange={(next) => onChange({ ...trial, model: next })}
                    choices={names.map((name) => ({ value: name, label: name }))}
                  />
                </Field>
              )}
            </div>
            {model === undefined ? (
              <EmptyState icon={CircleOff} title={t(`try.none.${trial.what}`)}>
                {t("try.noneAbout")}
              </EmptyState>
            ) : (
              <Kind what={trial.what} model={model} />
            )}
          </section>
        );
      }}
    </Async>
  );
}

function Kind({ what, model }: { what: What; model: string }) {
  if (what === "chat") return <ChatTrial model={model} />;
  if (what === "embeddings") return <EmbeddingTrial model={model} />;
  return <TranscriptionTrial model={model} />;
}
