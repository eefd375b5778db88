import { Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, IconButton, Input } from "@/components";

import type { HeaderRow } from "./headers";

export interface HeaderRowsProps {
  rows: HeaderRow[];
  /** What there is to know, e.g. what is kept already. */
  about?: ReactNode;
  onChange: (rows: HeaderRow[]) => void;
}

/** What a target wants to be told, its key say: names, and values that nobody sees. */
export function HeaderRows({ rows, about, onChange }: HeaderRowsProps) {
  const { t } = useTranslation("tasks");
  const set = (at: number, next: Partial<HeaderRow>): void =>
    onChange(rows.map((row, number) => (number === at ? { ...row, ...next } : row)));
  return (
    <fieldset className="flex min-w-0 flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">{t("headers.title")}</legend>
      <p className="text-sm text-muted">{about ?? t("headers.about")}</p>
      {rows.map((row, number) => (
        <div key={number} className="flex items-center gap-2">
          <Input
            dir="ltr"
            maxLength={100}
            aria-label={t("headers.name", { number: number + 1 })}
            placeholder="Authorization"
            value={row.name}
            onChange={(event) => set(number, { name: event.target.value })}
          />
          <Input
            dir="ltr"
            type="password"
            autoComplete="off"
            maxLength={4096}
            aria-label={t("headers.value", { number: number + 1 })}
            value={row.value}
            onChange={(event) => set(number, { value: event.target.value })}
          />
          <IconButton
            icon={Trash2}
            size="small"
            label={t("headers.remove", { number: number + 1 })}
            onClick={() => onChange(rows.filter((_, at) => at !== number))}
          />
        </div>
      ))}
      <div>
        <Button size="small" icon={Plus} onClick={() => onChange([...rows, { name: "", value: "" }])}>
          {t("headers.add")}
        </Button>
      </div>
    </fieldset>
  );
}
