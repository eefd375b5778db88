import clsx from "clsx";
import { FileUp } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useToast } from "@/components";

import { droppedFiles } from "./dropped";

/** A text that is dragged into an input is none of ours. */
function bringsFiles(data: DataTransfer): boolean {
  return data.types.includes("Files");
}

/** A part of the page onto which files can be dropped; says so while some are held above it. */
export function DropArea({ onFiles, children }: { onFiles: (files: File[]) => void; children: ReactNode }) {
  const { t } = useTranslation("documents");
  const toast = useToast();
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  useEffect(() => {
    // A file that misses the area must not replace the page.
    const keep = (event: DragEvent): void => {
      if (event.dataTransfer && bringsFiles(event.dataTransfer)) event.preventDefault();
    };
    window.addEventListener("dragover", keep);
    window.addEventListener("drop", keep);
    return () => {
      window.removeEventListener("dragover", keep);
      window.removeEventListener("drop", keep);
    };
  }, []);
  const leave = (): void => {
    depth.current = 0;
    setOver(false);
  };
  return (
    <div
      className="relative min-h-full"
      data-testid="drop-area"
      onDragEnter={(event) => {
        if (!bringsFiles(event.dataTransfer)) return;
        depth.current += 1;
        setOver(true);
      }}
      onDragLeave={() => {
        depth.current -= 1;
        if (depth.current <= 0) leave();
      }}
      onDrop={(event) => {
        if (!bringsFiles(event.dataTransfer)) return;
        event.preventDefault();
        leave();
        droppedFiles(event.dataTransfer).then(
          (files) => {
            if (files.length) onFiles(files);
          },
          (error: unknown) => toast.failed(error),
        );
      }}
    >
      {children}
      <div
        aria-hidden
        className={clsx(
          "pointer-events-none absolute inset-2 z-10 flex items-start justify-center rounded-xl border-2 border-dashed border-accent bg-accent-soft/90 pt-32",
          !over && "hidden",
        )}
      >
        <p className="flex items-center gap-3 text-lg font-semibold text-accent">
          <FileUp className="size-7" /> {t("uploads.drop")}
        </p>
      </div>
    </div>
  );
}
