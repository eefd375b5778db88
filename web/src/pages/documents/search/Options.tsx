import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Checkbox, Field, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { useModels } from "../data";
import type { Filled } from "./asked";
import { Conditions } from "./Conditions";
import { Slider } from "./Slider";

const LIMITS = [5, 10, 20, 50];

/** What a search can be told besides its question. */
export function Options({ filled, set }: { filled: Filled; set: (changes: Partial<Filled>) => void }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const mayRewrite = useMay("inference");
  const rerankers = useModels("rerank") ?? [];
  const shown = (value: number): string => format.number(value, { minimumFractionDigits: 2 });
  return (
    <div className="grid gap-4 border-t border-line pt-4 sm:grid-cols-2 lg:grid-cols-3">
      <Field label={t("search.limit")}>
        <Select
          value={String(filled.limit)}
          onChange={(limit) => set({ limit: Number(limit) })}
          choices={LIMITS.map((limit) => ({ value: String(limit), label: format.number(limit) }))}
        />
      </Field>
      <Field label={t("search.ranker")}>
        <Select
          value={filled.ranker}
          onChange={(ranker) => set({ ranker })}
          choices={[
            { value: "auto", label: t("search.rankerAuto") },
            { value: "none", label: t("search.rankerNone") },
            ...rerankers.map((one) => ({ value: one, label: one })),
          ]}
        />
      </Field>
      <Slider
        label={t("search.diversity")}
        value={filled.diversity ?? 1}
        shown={filled.diversity === null ? t("search.off") : shown(filled.diversity)}
        onChange={(value) => set({ diversity: value === 1 ? null : value })}
      />
      {filled.mode !== "lexical" && (
        <Slider
          label={t("search.minSimilarity")}
          value={filled.minSimilarity}
          shown={shown(filled.minSimilarity)}
          onChange={(minSimilarity) => set({ minSimilarity })}
        />
      )}
      <Slider label={t("search.threshold")} value={filled.threshold} shown={shown(filled.threshold)} onChange={(threshold) => set({ threshold })} />
      {mayRewrite && (
        <Checkbox
          className="self-end"
          label={t("search.rewrite")}
          checked={filled.rewrite}
          onChange={(event) => set({ rewrite: event.target.checked })}
        />
      )}
      <div className="sm:col-span-2 lg:col-span-3">
        <Conditions conditions={filled.conditions} onChange={(conditions) => set({ conditions })} />
      </div>
    </div>
  );
}
