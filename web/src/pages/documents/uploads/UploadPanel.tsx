import { RotateCw, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button, IconButton, Panel, Progress, useErrorText } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Upload, UploadQueue } from "./queue";

/** So many that wait are listed; the others are counted. */
const MOST_SHOWN = 30;

/** What is on its way into a collection: how far each file is, and what did not arrive. */
export function UploadPanel({ storeId, queue, uploads }: { storeId: string; queue: UploadQueue; uploads: readonly Upload[] }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  if (uploads.length === 0) return null;
  const of = (...states: Upload["state"][]): Upload[] => uploads.filter((one) => states.includes(one.state));
  const failed = of("failed");
  const going = of("waiting", "sending", "adding");
  const added = of("added").length;
  const total = uploads.reduce((sum, one) => sum + one.bytes, 0);
  const sent = uploads.reduce((sum, one) => sum + one.bytes * (one.state === "failed" ? 0 : one.share), 0);
  const listed = [...of("sending", "adding"), ...failed, ...of("waiting")];
  return (
    <Panel
      title={going.length ? t("uploads.title") : t("uploads.finished")}
      actions={
        <>
          {failed.length > 1 && (
            <Button size="small" icon={RotateCw} onClick={() => queue.retry(storeId)}>
              {t("uploads.retryAll")}
            </Button>
          )}
          {going.length > 0 ? (
            <Button size="small" onClick={() => queue.stopAll(storeId)}>
              {t("uploads.stopAll")}
            </Button>
          ) : (
            <IconButton
              size="small"
              icon={X}
              label={t("uploads.clear")}
              onClick={() => {
                queue.stopAll(storeId);
                queue.clear(storeId);
              }}
            />
          )}
        </>
      }
    >
      <Progress label={t("uploads.title")} share={total ? sent / total : 1} kind={failed.length ? "warn" : "accent"} />
      <p className="mt-1.5 text-sm text-muted" role="status">
        {t("uploads.summary", { added: format.number(added), total: format.number(uploads.length) })}
        {failed.length > 0 && ` · ${t("uploads.failed", { count: failed.length })}`}
      </p>
      {listed.length > 0 && (
        <ul className="mt-2 max-h-72 divide-y divide-line overflow-y-auto">
          {listed.slice(0, MOST_SHOWN).map((one) => (
            <Row key={one.id} upload={one} queue={queue} />
          ))}
        </ul>
      )}
      {listed.length > MOST_SHOWN && (
        <p className="mt-2 text-sm text-muted">{t("uploads.more", { count: listed.length - MOST_SHOWN })}</p>
      )}
    </Panel>
  );
}

function Row({ upload, queue }: { upload: Upload; queue: UploadQueue }) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const errorText = useErrorText();
  return (
    <li className="flex items-center gap-3 py-1.5">
      <div className="min-w-0 flex-1">
        <p className="flex items-baseline gap-2">
          <bdi className="truncate">{upload.name}</bdi>
          <span className="shrink-0 text-sm text-muted">{format.bytes(upload.bytes)}</span>
        </p>
        {upload.state === "failed" && (
          <p dir="auto" className="text-sm break-words text-bad">
            {errorText(upload.error)}
          </p>
        )}
        {upload.state === "sending" && <Progress className="mt-1" label={upload.name} share={upload.share} />}
      </div>
      <span className="w-24 shrink-0 text-end text-sm text-muted tabular-nums">
        {upload.state === "sending" ? format.percent(upload.share) : t(`uploads.states.${upload.state}`)}
      </span>
      {upload.state === "failed" && (
        <IconButton size="small" icon={RotateCw} label={t("retry")} onClick={() => queue.retry(upload.storeId, upload.id)} />
      )}
      <IconButton size="small" icon={X} label={t("uploads.stop", { name: upload.name })} onClick={() => queue.stop(upload.id)} />
    </li>
  );
}
