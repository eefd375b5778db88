import clsx from "clsx";
import { LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";

export interface ProgressProps {
  /** What goes on, for those who do not see it. */
  label: string;
  /** 0..1; null = it goes on, nobody knows how far. */
  share: number | null;
  kind?: "accent" | "good" | "warn" | "bad";
  className?: string;
}

const KINDS = { accent: "bg-accent", good: "bg-good", warn: "bg-warn", bad: "bg-bad" };

/** A bar that fills in the direction of reading. */
export function Progress({ label, share, kind = "accent", className }: ProgressProps) {
  const bounded = share === null ? null : Math.min(1, Math.max(0, share));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={bounded === null ? undefined : Math.round(bounded * 100)}
      className={clsx("h-2 overflow-hidden rounded-full bg-sunken", className)}
    >
      <div
        className={clsx("h-full rounded-full transition-[inline-size]", KINDS[kind], bounded === null && "w-1/3 animate-pulse")}
        style={bounded === null ? undefined : { inlineSize: `${bounded * 100}%` }}
      />
    </div>
  );
}

/** Something is on its way. */
export function Spinner({ className }: { className?: string }) {
  const { t } = useTranslation("frame");
  return (
    <span role="status" className={clsx("inline-flex items-center justify-center p-4 text-muted", className)}>
      <LoaderCircle aria-hidden className="size-5 animate-spin" />
      <span className="sr-only">{t("loading")}</span>
    </span>
  );
}
