import { LibraryBig } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Button, Spinner } from "@/components";
import { Popover } from "@/components/Popover";
import { useFormat } from "@/i18n/format";

const StoreChoices = lazy(() => import("./StoreChoices").then((part) => ({ default: part.StoreChoices })));

/** From which documents a session's answers are made. */
export function StorePicker({ chosen, onChange }: { chosen: string[]; onChange: (ids: string[]) => void }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const may = useMay("knowledge:read");
  if (!may) return null;
  return (
    <Popover
      label={t("documents")}
      trigger={
        <Button
          size="small"
          look="ghost"
          className={chosen.length ? "min-h-10! text-accent!" : "min-h-10! text-muted!"}
          aria-label={t("documentsAre", { count: chosen.length })}
        >
          <LibraryBig aria-hidden className="size-4.5" />
          <span className="font-normal max-sm:hidden">{t("documents")}</span>
          {chosen.length > 0 && <span className="tabular-nums">{number(chosen.length)}</span>}
        </Button>
      }
    >
      <Suspense fallback={<Spinner />}>
        <StoreChoices chosen={chosen} onChange={onChange} />
      </Suspense>
    </Popover>
  );
}
