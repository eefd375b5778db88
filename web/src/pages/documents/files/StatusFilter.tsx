import clsx from "clsx";
import { useTranslation } from "react-i18next";

import { useFormat } from "@/i18n/format";

import type { FileStatus, Store } from "../data";

const STATUSES: FileStatus[] = ["in_progress", "completed", "failed", "cancelled"];

export interface StatusFilterProps {
  counts: Store["file_counts"];
  /** null = all files. */
  value: FileStatus | null;
  onChange: (status: FileStatus | null) => void;
}

/** Which files are listed, with how many there are of each kind. */
export function StatusFilter({ counts, value, onChange }: StatusFilterProps) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const choices: (FileStatus | null)[] = [null, ...STATUSES];
  return (
    <div role="group" aria-label={t("files.filter")} className="flex flex-wrap gap-1">
      {choices
        .filter((one) => one === null || one === "completed" || one === value || counts[one] > 0)
        .map((one) => (
          <button
            key={one ?? "all"}
            type="button"
            aria-pressed={value === one}
            onClick={() => onChange(one)}
            className={clsx(
              "inline-flex min-h-8 items-center gap-1.5 rounded-full border px-3 text-sm",
              value === one ? "border-accent bg-accent-soft font-medium text-accent" : "border-line-strong bg-surface hover:bg-sunken",
            )}
          >
            {one === null ? t("files.all") : t(`files.statuses.${one}`)}
            <span className="text-xs tabular-nums">{format.number(one === null ? counts.total : counts[one])}</span>
          </button>
        ))}
    </div>
  );
}
