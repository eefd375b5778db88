import { useMutation } from "@tanstack/react-query";
import { Search, SearchX, SlidersHorizontal } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, EmptyState, ErrorNotice, Field, Input, Select } from "@/components";

import type { Store } from "../data";
import { Preview, type Shown } from "../preview/Preview";
import { bodyOf, EMPTY, type Filled, type Mode } from "./asked";
import { Options } from "./Options";
import { Results } from "./Results";

const MODES: Mode[] = ["hybrid", "dense", "lexical"];

/** Tries a search of a collection, and shows why each passage came to its place. */
export function SearchTab({ store }: { store: Store }) {
  const { t } = useTranslation("documents");
  const [filled, setFilled] = useState<Filled>(EMPTY);
  const [open, setOpen] = useState(false);
  const [shown, setShown] = useState<Shown | null>(null);
  const set = (changes: Partial<Filled>): void => setFilled((now) => ({ ...now, ...changes }));
  const searching = useMutation({
    mutationFn: (asked: Filled) =>
      api.post("/v1/vector_stores/{vector_store_id}/search", {
        params: { vector_store_id: store.id },
        body: bodyOf(asked),
      }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (filled.query.trim()) searching.mutate(filled);
  };
  return (
    <div className="flex flex-col gap-4">
      <form onSubmit={submit} role="search" className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-4">
        <div className="flex flex-wrap items-end gap-2">
          <Field label={t("search.query")} className="flex-1 basis-64">
            <Input type="search" maxLength={8000} value={filled.query} onChange={(event) => set({ query: event.target.value })} />
          </Field>
          <Field label={t("search.mode")} className="max-sm:basis-full">
            <Select
              value={filled.mode}
              onChange={(mode) => set({ mode: mode as Mode })}
              choices={MODES.map((mode) => ({ value: mode, label: t(`search.modes.${mode}`) }))}
            />
          </Field>
          <Button icon={SlidersHorizontal} aria-expanded={open} onClick={() => setOpen(!open)}>
            {t("search.options")}
          </Button>
          <Button look="primary" type="submit" icon={Search} busy={searching.isPending}>
            {t("search.go")}
          </Button>
        </div>
        {open && <Options filled={filled} set={set} />}
      </form>
      {searching.isError && <ErrorNotice error={searching.error} onRetry={() => searching.mutate(filled)} />}
      {searching.data ? (
        <Results page={searching.data} query={searching.variables.query.trim()} onShow={setShown} />
      ) : (
        !searching.isError && (
          <EmptyState icon={store.file_counts.completed ? Search : SearchX} title={t("search.none")}>
            {store.file_counts.completed ? t("search.noneAbout") : t("search.noFiles")}
          </EmptyState>
        )
      )}
      {shown && <Preview shown={shown} onClose={() => setShown(null)} />}
    </div>
  );
}
