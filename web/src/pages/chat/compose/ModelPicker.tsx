import { ChevronDown, Sparkles } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Button, Spinner } from "@/components";
import { Popover } from "@/components/Popover";

const ModelChoices = lazy(() => import("./ModelChoices").then((part) => ({ default: part.ModelChoices })));

/** Which model answers in this session; none chosen = the server's own choice. */
export function ModelPicker({ model, onChange }: { model: string | null; onChange: (model: string | null) => void }) {
  const { t } = useTranslation("chat");
  const may = useMay("models:read");
  const [open, setOpen] = useState(false);
  const choose = (name: string | null): void => {
    setOpen(false);
    if (name !== model) onChange(name);
  };
  const label = model ?? t("standardModel");
  return (
    <Popover
      label={t("model")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button size="small" look="ghost" disabled={!may} className="min-h-10! min-w-0 shrink! text-muted!" aria-label={t("modelIs", { model: label })}>
          <Sparkles aria-hidden className="size-4 shrink-0" />
          <bdi className="max-w-44 min-w-0 truncate font-normal max-sm:max-w-24">{label}</bdi>
          <ChevronDown aria-hidden className="size-4 shrink-0" />
        </Button>
      }
    >
      <Suspense fallback={<Spinner />}>
        <ModelChoices chosen={model} onChoose={choose} />
      </Suspense>
    </Popover>
  );
}
