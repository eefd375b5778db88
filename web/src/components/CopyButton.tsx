import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { IconButton } from "./Button";
import { useToast } from "./Toast";

const SHOWN_MS = 1500;

/** Copies a text; says so by a check mark. */
export function CopyButton({ text, label, size = "small" }: { text: string; label?: string; size?: "small" | "normal" }) {
  const { t } = useTranslation("frame");
  const toast = useToast();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    try {
      await copyText(text);
      setCopied(true);
    } catch (error) {
      toast.failed(error);
    }
  };
  return (
    <IconButton
      icon={copied ? Check : Copy}
      label={copied ? t("copied") : (label ?? t("copy"))}
      size={size}
      onClick={() => void copy()}
    />
  );
}

/** Copy a text, also where the page came over plain http and the browser offers no clipboard. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("The browser did not copy.");
}
