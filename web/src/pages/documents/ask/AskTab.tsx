import { MessageCircleQuestion, Send, Square } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { Button, EmptyState, Field, Input, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { useModels, type Store } from "../data";
import { Preview, type Shown } from "../preview/Preview";
import { Slider } from "../search/Slider";
import { useConversation } from "./conversation";
import { TurnView } from "./TurnView";

const PASSAGES = [4, 8, 16, 32];

/** Asks the documents of a collection; each answer names the passages it rests on. */
export function AskTab({ store }: { store: Store }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const { turns, ask, stop, clear, going } = useConversation(store.id);
  const [question, setQuestion] = useState("");
  const [model, setModel] = useState("");
  const [maxPassages, setMaxPassages] = useState(8);
  const [minSimilarity, setMinSimilarity] = useState(0);
  const [shown, setShown] = useState<Shown | null>(null);
  const models = useModels("chat") ?? [];
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const asked = question.trim();
    if (!asked || going) return;
    setQuestion("");
    void ask({ question: asked, model: model || null, maxPassages, minSimilarity });
  };
  return (
    <div className="flex flex-col gap-4">
      <form onSubmit={submit} className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-4">
        <div className="flex flex-wrap items-end gap-2">
          <Field label={turns.length ? t("ask.followUp") : t("ask.question")} className="flex-1 basis-64">
            <Input maxLength={20_000} autoComplete="off" value={question} onChange={(event) => setQuestion(event.target.value)} />
          </Field>
          {going ? (
            <Button icon={Square} onClick={stop}>
              {t("ask.stop")}
            </Button>
          ) : (
            <Button look="primary" type="submit" icon={Send}>
              {t("ask.go")}
            </Button>
          )}
        </div>
        <div className="grid gap-4 sm:grid-cols-3">
          <Field label={t("ask.model")}>
            <Select
              value={model}
              onChange={setModel}
              choices={[
                { value: "", label: t("ask.usual") },
                { value: "extractive", label: t("ask.extractive") },
                ...models.filter((one) => !one.endsWith("extractive")).map((one) => ({ value: one, label: one })),
              ]}
            />
          </Field>
          <Field label={t("ask.passages")}>
            <Select
              value={String(maxPassages)}
              onChange={(value) => setMaxPassages(Number(value))}
              choices={PASSAGES.map((count) => ({ value: String(count), label: format.number(count) }))}
            />
          </Field>
          <Slider
            label={t("search.minSimilarity")}
            value={minSimilarity}
            shown={format.number(minSimilarity, { minimumFractionDigits: 2 })}
            onChange={setMinSimilarity}
          />
        </div>
      </form>
      {turns.length === 0 ? (
        <EmptyState icon={MessageCircleQuestion} title={t("ask.none")}>
          {store.file_counts.completed ? t("ask.noneAbout") : t("search.noFiles")}
        </EmptyState>
      ) : (
        <>
          <ol className="flex flex-col gap-4" aria-label={t("ask.answers")}>
            {turns.toReversed().map((turn) => (
              <TurnView key={turn.id} turn={turn} onShow={setShown} />
            ))}
          </ol>
          <Button className="self-start" onClick={clear}>
            {t("ask.clear")}
          </Button>
        </>
      )}
      {shown && <Preview shown={shown} onClose={() => setShown(null)} />}
    </div>
  );
}
