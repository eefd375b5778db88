import { useMutation } from "@tanstack/react-query";
import { Gauge } from "lucide-react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Button, ErrorNotice, Panel, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Store, Version } from "../data";
import type { Calibration, Measured } from "./shapes";

type Quality = Schemas["QualityRead"];

const SIDES = ["hybrid", "dense", "lexical"] as const;

interface Row {
  key: string;
  language: string;
  side: (typeof SIDES)[number];
  quality: Quality;
}

/** How well a collection is searched: what was measured last, and measuring now. */
export function Measure({ store, calibration }: { store: Store; calibration: Version["calibration"] }) {
  const { t } = useTranslation("documents");
  const measuring = useMutation({
    mutationFn: () =>
      api.post("/v1/vector_stores/{vector_store_id}/evaluate", {
        params: { vector_store_id: store.id },
        body: { questions: 120, passages: 1000 },
      }),
  });
  const known = calibration as Calibration | null;
  return (
    <Panel
      title={t("measure.title")}
      actions={
        <Button size="small" icon={Gauge} busy={measuring.isPending} onClick={() => measuring.mutate()}>
          {t("measure.now")}
        </Button>
      }
    >
      <p className="mb-3 text-sm text-muted">{t("measure.about")}</p>
      {known ? <Weights calibration={known} /> : <p className="text-sm">{t("measure.none")}</p>}
      {measuring.isError && <ErrorNotice className="mt-3" error={measuring.error} />}
      {measuring.data && <Figures found={measuring.data} />}
    </Panel>
  );
}

/** What vectors count beside words, for each language that was measured. */
function Weights({ calibration }: { calibration: Calibration }) {
  const { t, i18n } = useTranslation("documents");
  const format = useFormat();
  const languages = Object.entries(calibration.languages ?? {});
  const rows: [string, Measured][] = [[t("measure.all"), calibration]];
  for (const [code, measured] of languages) rows.push([languageName(i18n.language, code), measured]);
  const columns: Column<[string, Measured]>[] = [
    { key: "language", header: t("measure.language"), cell: ([name]) => name },
    { key: "alpha", header: t("measure.weight"), align: "end", cell: ([, one]) => format.percent(one.alpha) },
    { key: "dense", header: t("measure.dense"), align: "end", cell: ([, one]) => figure(format, one.dense) },
    { key: "lexical", header: t("measure.lexical"), align: "end", cell: ([, one]) => figure(format, one.lexical) },
    { key: "questions", header: t("measure.questions"), align: "end", secondary: true, cell: ([, one]) => format.number(one.questions) },
  ];
  return (
    <>
      <Table caption={t("measure.weights")} columns={columns} rows={rows} rowKey={([name]) => name} />
      <p className="mt-1.5 text-xs text-muted">{t("measure.measuredAt", { time: format.time(calibration.at_s) })}</p>
    </>
  );
}

function Figures({ found }: { found: Schemas["EvaluationRead"] }) {
  const { t, i18n } = useTranslation("documents");
  const format = useFormat();
  const rows = Object.entries(found.results).flatMap(([language, sides]) =>
    SIDES.flatMap((side): Row[] => {
      const quality = sides[side];
      return quality ? [{ key: `${language} ${side}`, language, side, quality }] : [];
    }),
  );
  const columns: Column<Row>[] = [
    {
      key: "language",
      header: t("measure.language"),
      cell: ({ language }) => (language === "all" ? t("measure.all") : languageName(i18n.language, language)),
    },
    { key: "side", header: t("measure.side"), cell: ({ side }) => t(`search.modes.${side}`) },
    { key: "r1", header: "recall@1", align: "end", cell: ({ quality }) => figure(format, quality.recall_at_1) },
    { key: "r5", header: "recall@5", align: "end", secondary: true, cell: ({ quality }) => figure(format, quality.recall_at_5) },
    { key: "r10", header: "recall@10", align: "end", cell: ({ quality }) => figure(format, quality.recall_at_10) },
    { key: "mrr", header: "MRR@10", align: "end", secondary: true, cell: ({ quality }) => figure(format, quality.mrr_at_10) },
    { key: "ndcg", header: "nDCG@10", align: "end", secondary: true, cell: ({ quality }) => figure(format, quality.ndcg_at_10) },
    { key: "questions", header: t("measure.questions"), align: "end", secondary: true, cell: ({ quality }) => format.number(quality.questions) },
  ];
  return (
    <div className="mt-4" data-testid="figures">
      <Table caption={t("measure.title")} columns={columns} rows={rows} rowKey={(row) => row.key} />
    </div>
  );
}

function figure(format: ReturnType<typeof useFormat>, value: number): string {
  return format.number(value, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
}

/** The name of a language in the language of now; its code where the browser knows none. */
function languageName(shownIn: string, code: string): string {
  try {
    return new Intl.DisplayNames([shownIn], { type: "language" }).of(code) ?? code;
  } catch (error) {
    if (error instanceof RangeError) return code;
    throw error;
  }
}
