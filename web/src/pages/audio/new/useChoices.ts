import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import type { Choice } from "@/components";

import { SPOKEN } from "../states";
import { useLanguageName } from "../useLanguageName";

/** What can be chosen for a recording: languages, recognisers, language models, templates. */
export function useChoices(): { languages: Choice[]; recognisers: Choice[]; models: Choice[]; templates: Choice[] } {
  const { t, i18n } = useTranslation("audio");
  const nameOf = useLanguageName();
  const models = useQuery({ ...get("/v1/models"), enabled: useMay("models:read"), staleTime: 30_000 });
  const templates = useQuery({
    ...get("/v1/templates", { query: { language: i18n.language, limit: 200 } }),
    staleTime: 30_000,
  });
  const that = (operation: string): Choice[] =>
    (models.data?.data ?? [])
      .filter((model) => model.operations?.includes(operation))
      .map((model) => ({ value: model.id, label: model.id }));
  return {
    languages: [
      { value: "", label: t("wishes.detected") },
      ...SPOKEN.map((code) => ({ value: code, label: nameOf(code) })),
    ],
    recognisers: [{ value: "", label: t("wishes.auto") }, ...that("transcriptions")],
    models: [{ value: "", label: t("wishes.auto") }, ...that("chat")],
    templates: (templates.data?.data ?? []).map((one) => ({ value: one.name, label: one.title || one.name })),
  };
}
