import { useMutation } from "@tanstack/react-query";
import { Calculator } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { send } from "@/api/client";
import { Button, CopyButton, ErrorNotice, Field, Panel, Progress, Textarea } from "@/components";
import { useFormat } from "@/i18n/format";

import { Code } from "./Code";
import { Facts } from "./Facts";
import { embeddingSnippets } from "./snippets";

const SHOWN_NUMBERS = 8;

interface Embedded {
  vectors: number[][];
  by: string | null;
  tokens: number | null;
}

async function embed(model: string, input: string[]): Promise<Embedded> {
  const response = await send("post", "/v1/embeddings", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, input, encoding_format: "float" }),
  });
  const answer = (await response.json()) as {
    data: { index: number; embedding: number[] }[];
    usage?: { prompt_tokens?: number };
  };
  return {
    vectors: [...answer.data].sort((one, other) => one.index - other.index).map((one) => one.embedding),
    by: response.headers.get("x-roundhouse-model"),
    tokens: answer.usage?.prompt_tokens ?? null,
  };
}

/** Cosine of the angle between two vectors, -1 to 1; 0 where one of them is all zeros. */
export function similarity(one: number[], other: number[]): number {
  const dot = (a: number[], b: number[]): number => a.reduce((sum, value, place) => sum + value * (b[place] ?? 0), 0);
  const lengths = Math.sqrt(dot(one, one) * dot(other, other));
  return lengths === 0 ? 0 : dot(one, other) / lengths;
}

/** One text or two as numbers, and how alike they are. */
export function EmbeddingTrial({ model }: { model: string }) {
  const { t } = useTranslation("models");
  const [first, setFirst] = useState(() => t("try.firstExample"));
  const [second, setSecond] = useState(() => t("try.secondExample"));
  const input = [first, second].map((text) => text.trim()).filter(Boolean);
  const embedding = useMutation({ mutationFn: () => embed(model, input) });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    embedding.mutate();
  };
  return (
    <>
      <div className="grid gap-4 lg:grid-cols-2">
        <Panel>
          <form onSubmit={submit} className="flex flex-col gap-4">
            <Field label={t("try.firstText")}>
              <Textarea required rows={3} value={first} onChange={(event) => setFirst(event.target.value)} />
            </Field>
            <Field label={t("try.secondText")} hint={t("try.secondHint")}>
              <Textarea rows={3} value={second} onChange={(event) => setSecond(event.target.value)} />
            </Field>
            <Button type="submit" look="primary" icon={Calculator} busy={embedding.isPending} className="self-end">
              {t("try.embed")}
            </Button>
          </form>
        </Panel>
        <Panel title={t("try.numbers")}>
          <div aria-live="polite" className="flex min-h-32 flex-col gap-4">
            {embedding.data ? <Shown embedded={embedding.data} /> : <p className="text-muted">{t("try.noNumbers")}</p>}
            {embedding.error && <ErrorNotice error={embedding.error} />}
          </div>
        </Panel>
      </div>
      <Code snippets={embeddingSnippets(`${location.origin}/v1`, model, input)} />
    </>
  );
}

function Shown({ embedded }: { embedded: Embedded }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const [one, other] = embedded.vectors;
  return (
    <>
      {one && other && <Alike share={similarity(one, other)} />}
      {embedded.vectors.map((vector, index) => (
        <div key={index}>
          <div className="flex items-center gap-2">
            <h3 className="flex-1 text-sm font-medium">{t(index === 0 ? "try.firstText" : "try.secondText")}</h3>
            <CopyButton text={JSON.stringify(vector)} label={t("try.copyVector")} />
          </div>
          <p dir="ltr" className="rounded-md bg-sunken px-3 py-2 text-start font-mono text-sm break-words">
            {vector.slice(0, SHOWN_NUMBERS).map((value) => value.toFixed(4)).join("  ")}
            {vector.length > SHOWN_NUMBERS && "  …"}
          </p>
        </div>
      ))}
      <Facts
        rows={[
          [t("try.by"), embedded.by],
          [t("try.dimensions"), one ? format.number(one.length) : null],
          [t("try.tokens"), embedded.tokens === null ? null : format.number(embedded.tokens)],
        ]}
      />
    </>
  );
}

function Alike({ share }: { share: number }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  return (
    <div>
      <div className="mb-1.5 flex items-baseline gap-3">
        <span className="flex-1 font-medium">{t("try.similarity")}</span>
        <span data-testid="similarity" className="text-2xl font-semibold tabular-nums">
          {format.number(share, { minimumFractionDigits: 3, maximumFractionDigits: 3 })}
        </span>
      </div>
      <Progress label={t("try.similarity")} share={share} />
      <p className="mt-1 text-sm text-muted">{t("try.similarityHint")}</p>
    </div>
  );
}
