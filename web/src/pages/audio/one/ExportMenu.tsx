import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { send } from "@/api/client";
import { Button, Menu, useToast } from "@/components";

import type { Whole } from "../states";

const FORMS = ["txt", "md", "docx", "srt", "vtt", "json"] as const;

/** Take a recording away as a file. */
export function ExportMenu({ recording }: { recording: Whole }) {
  const { t } = useTranslation("audio");
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  const take = async (form: string): Promise<void> => {
    setBusy(true);
    try {
      const response = await send("get", `/v1/recordings/${encodeURIComponent(recording.id)}/export?format=${form}`);
      save(await response.blob(), nameOf(response.headers.get("content-disposition")) ?? `${recording.id}.${form}`);
    } catch (error) {
      toast.failed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Menu
      label={t("export.title")}
      items={FORMS.map((form) => ({ label: t(`export.${form}`), onSelect: () => void take(form) }))}
      trigger={
        <Button icon={Download} busy={busy}>
          {t("export.title")}
        </Button>
      }
    />
  );
}

/** The name that the server gave the file (RFC 6266). */
function nameOf(disposition: string | null): string | null {
  const coded = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? "")?.[1];
  return coded ? decodeURIComponent(coded) : null;
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
