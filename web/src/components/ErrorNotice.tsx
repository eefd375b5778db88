import clsx from "clsx";
import { TriangleAlert } from "lucide-react";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";

import { asApiError } from "@/api/problem";

import { Button } from "./Button";

/** An error in one line: its own words, then its code. */
export function useErrorText(): (error: unknown) => string {
  const { t } = useTranslation("frame");
  return useCallback(
    (error) => {
      const problem = asApiError(error);
      const words = problem.code === "unreachable" ? t("unreachable") : problem.message;
      return `${words} (${problem.code})`;
    },
    [t],
  );
}

export interface ErrorNoticeProps {
  error: unknown;
  /** Offered as a button, where trying again may help. */
  onRetry?: () => void;
  className?: string;
}

/** What went wrong: the server's words, the code of docs/reference/errors.md, and the request's id for the log. */
export function ErrorNotice({ error, onRetry, className }: ErrorNoticeProps) {
  const { t } = useTranslation("frame");
  const problem = asApiError(error);
  return (
    <div role="alert" className={clsx("flex items-start gap-3 rounded-lg border border-bad bg-bad-soft p-3", className)}>
      <TriangleAlert aria-hidden className="mt-0.5 size-5 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p dir="auto" className="break-words">
          {problem.code === "unreachable" ? t("unreachable") : problem.message}
        </p>
        <p className="mt-0.5 text-sm text-muted">
          <code>{problem.code}</code>
          {problem.param && (
            <>
              {" · "}
              <code>{problem.param}</code>
            </>
          )}
          {problem.requestId && (
            <>
              {" · "}
              <code className="break-all">{problem.requestId}</code>
            </>
          )}
        </p>
      </div>
      {onRetry && (
        <Button size="small" onClick={onRetry}>
          {t("again")}
        </Button>
      )}
    </div>
  );
}
