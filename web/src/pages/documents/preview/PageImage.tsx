import { useState } from "react";
import { useTranslation } from "react-i18next";

export interface PageImageProps {
  fileId: string;
  filename: string;
  /** From 1; an image is its own first page. */
  page: number;
}

/** A page of a PDF, or an image, as it looks: the server draws it. */
export function PageImage({ fileId, filename, page }: PageImageProps) {
  const { t } = useTranslation("documents");
  const [failed, setFailed] = useState(false);
  if (failed) return <p className="my-2 text-sm text-muted">{t("preview.notDrawn")}</p>;
  return (
    <img
      src={`/v1/files/${encodeURIComponent(fileId)}/pages/${page}`}
      alt={t("preview.pageOf", { page, name: filename })}
      loading="lazy"
      onError={() => setFailed(true)}
      className="mx-auto my-2 min-h-24 max-w-full rounded border border-line bg-white"
    />
  );
}
