import { RotateCw, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import { IconButton, Progress, useErrorText } from "@/components";
import { useFormat } from "@/i18n/format";

import { useSending, type Sending } from "./sending";

/** What is on its way to the server just now. */
export function SendingList() {
  const { t } = useTranslation("audio");
  const { sendings } = useSending();
  if (sendings.length === 0) return null;
  return (
    <ul aria-label={t("sending.title")} className="mb-4 flex flex-col divide-y divide-line rounded-lg border border-line bg-surface">
      {sendings.map((one) => (
        <SendingRow key={one.id} one={one} />
      ))}
    </ul>
  );
}

function SendingRow({ one }: { one: Sending }) {
  const { t } = useTranslation("audio");
  const { again, stop } = useSending();
  const errorText = useErrorText();
  const format = useFormat();
  const failed = one.state === "failed";
  return (
    <li className="flex items-center gap-3 px-3 py-2">
      <div className="min-w-0 flex-1">
        <div className="flex items-baseline justify-between gap-3">
          <span dir="auto" className="truncate font-medium">
            {one.title}
          </span>
          <span className="shrink-0 text-sm text-muted tabular-nums">
            {one.state === "waiting" ? t("sending.waiting") : failed ? t("sending.failed") : format.percent(one.share)}
          </span>
        </div>
        {failed ? (
          <p role="alert" dir="auto" className="text-sm break-words text-bad">
            {errorText(one.error)}
          </p>
        ) : (
          <Progress label={t("sending.of", { title: one.title })} share={one.share} className="mt-1" />
        )}
      </div>
      {failed && <IconButton icon={RotateCw} size="small" label={t("sending.again")} onClick={() => again(one.id)} />}
      <IconButton icon={X} size="small" label={failed ? t("sending.dismiss") : t("sending.stop")} onClick={() => stop(one.id)} />
    </li>
  );
}
