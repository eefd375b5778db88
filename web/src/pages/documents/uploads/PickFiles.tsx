import { FileUp } from "lucide-react";
import { useRef } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "@/components";

/** The button that lets files be chosen. */
export function PickFiles({ onFiles }: { onFiles: (files: File[]) => void }) {
  const { t } = useTranslation("documents");
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button look="primary" icon={FileUp} onClick={() => input.current?.click()}>
        {t("uploads.choose")}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={t("uploads.choose")}
        onChange={(event) => {
          onFiles(Array.from(event.target.files ?? []));
          // The same files may be chosen again.
          event.target.value = "";
        }}
      />
    </>
  );
}
