import { RotateCw, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Badge, Button, Progress, useToast } from "@/components";
import { Popover } from "@/components/Popover";
import { useFormat } from "@/i18n/format";

import type { Store, StoreFile } from "../data";
import type { Step } from "./live";
import { useFileActions } from "./actions";

/** Failures that are told in the words of the language; the server's own words stand beside them. */
const REASONS = new Set([
  "unsupported_media_type",
  "document_encrypted",
  "document_unreadable",
  "document_empty",
  "too_large",
  "embedding_changed",
  "address_refused",
]);

export interface FileStateProps {
  store: Store;
  file: StoreFile;
  /** What its job said last. */
  step: Step | undefined;
  mayWrite: boolean;
}

/** How a file stands: how far it is, or why it failed. */
export function FileState({ store, file, step, mayWrite }: FileStateProps) {
  const { t } = useTranslation("documents");
  if (file.status === "in_progress") return <Going file={file} step={step} />;
  if (file.status === "completed") {
    return (
      <span className="inline-flex items-center gap-1">
        <Badge kind="good">{t("files.statuses.completed")}</Badge>
        <Warnings warnings={file.warnings} />
      </span>
    );
  }
  const error = file.last_error;
  return (
    <div className="flex max-w-sm min-w-36 flex-wrap items-center gap-x-2 gap-y-1">
      <Badge kind={file.status === "failed" ? "bad" : "neutral"}>{t(`files.statuses.${file.status}`)}</Badge>
      {mayWrite && <Retry store={store} file={file} />}
      {error && file.status === "failed" && (
        <div className="basis-full">
          {REASONS.has(error.error_code) && <p className="break-words">{t(`files.reasons.${error.error_code}`)}</p>}
          <p className="text-xs break-words text-muted">
            <bdi>{error.message}</bdi> <code>({error.error_code})</code>
          </p>
        </div>
      )}
    </div>
  );
}

function Retry({ store, file }: { store: Store; file: StoreFile }) {
  const { t } = useTranslation("documents");
  const toast = useToast();
  const { retry } = useFileActions(store.id);
  const [busy, setBusy] = useState(false);
  return (
    <Button
      size="small"
      icon={RotateCw}
      busy={busy}
      onClick={() => {
        setBusy(true);
        retry(file)
          .catch((error: unknown) => toast.failed(error))
          .finally(() => setBusy(false));
      }}
    >
      {t("retry")}
    </Button>
  );
}

function Going({ file, step }: { file: StoreFile; step: Step | undefined }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const { passages_total: total, passages_done: done } = file.progress;
  const stage = step?.stage ?? (step?.state === "queued" ? "queued" : file.progress.stage);
  const share = step ? step.progress : total ? done / total : null;
  const label = t(`files.stages.${stage}`);
  return (
    <div className="w-40">
      <p className="mb-1 flex justify-between gap-2 text-xs text-muted">
        <span className="truncate">{label}</span>
        <span className="tabular-nums">{share === null ? "" : format.percent(share)}</span>
      </p>
      <Progress label={label} share={share} />
    </div>
  );
}

function Warnings({ warnings }: { warnings: string[] }) {
  const { t } = useTranslation("documents");
  if (warnings.length === 0) return null;
  const label = t("files.warnings", { count: warnings.length });
  return (
    <Popover
      label={label}
      trigger={
        <Button size="small" look="ghost" icon={TriangleAlert} className="text-warn" aria-label={label}>
          {warnings.length}
        </Button>
      }
    >
      <ul className="list-disc space-y-1 ps-4 text-sm">
        {warnings.map((warning, index) => (
          <li key={index} dir="auto" className="break-words">
            {warning}
          </li>
        ))}
      </ul>
    </Popover>
  );
}
