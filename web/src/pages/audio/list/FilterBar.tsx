import clsx from "clsx";
import { Search, SlidersHorizontal, X } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, Field, IconButton, Input, Select } from "@/components";

import { SPOKEN, STATUSES } from "../states";
import { useLanguageName } from "../useLanguageName";
import type { Filters } from "./useFilters";

/** Words to look for in what was said, and what else the list is narrowed by. */
export function FilterBar({ filters, onChange }: { filters: Filters; onChange: (news: Partial<Filters>) => void }) {
  const { t } = useTranslation("audio");
  const nameOf = useLanguageName();
  const [words, setWords] = useState(filters.q ?? "");
  // On a phone they would push the list below the fold.
  const [shown, setShown] = useState(false);
  const count = Object.entries(filters).filter(([name, value]) => name !== "q" && value).length;
  useEffect(() => setWords(filters.q ?? ""), [filters.q]);
  const any = { value: "", label: t("filters.any") };
  const pick = (name: keyof Filters, choices: { value: string; label: string }[]) => (
    <Field label={t(`filters.${name}`)} className="min-w-36 flex-1">
      <Select choices={[any, ...choices]} value={filters[name] ?? ""} onChange={(value) => onChange({ [name]: value })} />
    </Field>
  );
  return (
    <div className="mb-4 flex flex-col gap-3">
      <form
        role="search"
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          onChange({ q: words.trim() });
        }}
      >
        <Field label={t("filters.q")} bare className="flex-1">
          <Input
            type="search"
            maxLength={1000}
            placeholder={t("filters.q")}
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </Field>
        <Button type="submit" icon={Search}>
          {t("filters.search")}
        </Button>
        <IconButton
          icon={SlidersHorizontal}
          label={t("filters.show")}
          look={count > 0 ? "primary" : "plain"}
          aria-expanded={shown}
          aria-controls="filters"
          className="sm:hidden"
          onClick={() => setShown(!shown)}
        />
        {filters.q && <IconButton icon={X} label={t("filters.toList")} onClick={() => onChange({ q: "" })} />}
      </form>
      {!filters.q && (
        <div id="filters" className={clsx("flex-wrap gap-3 sm:flex", shown ? "flex" : "hidden")}>
          {pick("status", STATUSES.map((value) => ({ value, label: t(`status.${value}`) })))}
          {pick("language", SPOKEN.map((value) => ({ value, label: nameOf(value) })))}
          {pick("kind", ["audio", "text"].map((value) => ({ value, label: t(`kind.${value}`) })))}
          {pick("source", ["request", "watch"].map((value) => ({ value, label: t(`source.${value}`) })))}
          {pick("days", ["1", "7", "30"].map((value) => ({ value, label: t("filters.lastDays", { count: Number(value) }) })))}
        </div>
      )}
    </div>
  );
}
