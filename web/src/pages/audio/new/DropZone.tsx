import clsx from "clsx";
import { FileUp, Link2, Mic, Upload } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button } from "@/components";

import { MicrophoneDialog } from "./MicrophoneDialog";
import { NewDialog } from "./NewDialog";

/** Where recordings come in: dropped anywhere on the page, chosen, recorded, or from an address. */
export function DropZone() {
  const { t } = useTranslation("audio");
  const [files, setFiles] = useState<File[] | null>(null);
  const [recording, setRecording] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const over = useFileDrag((dropped) => setFiles((now) => [...(now ?? []), ...dropped]));
  return (
    <section
      aria-label={t("drop.label")}
      className={clsx(
        "mb-4 flex flex-wrap items-center gap-x-6 gap-y-3 rounded-lg border-2 border-dashed p-4 transition-colors max-sm:p-3",
        over ? "border-accent bg-accent-soft" : "border-line bg-surface",
      )}
    >
      <div className="flex min-w-56 flex-1 items-center gap-3 max-sm:hidden">
        <FileUp aria-hidden className={clsx("size-7 shrink-0", over ? "text-accent" : "text-muted")} />
        <div>
          <p className="font-medium">{over ? t("drop.now") : t("drop.here")}</p>
          <p className="text-sm text-muted">{t("drop.kinds")}</p>
        </div>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" icon={Upload} onClick={() => picker.current?.click()}>
          {t("drop.choose")}
        </Button>
        <Button icon={Mic} onClick={() => setRecording(true)}>
          {t("drop.record")}
        </Button>
        <Button icon={Link2} onClick={() => setFiles([])}>
          {t("drop.address")}
        </Button>
      </div>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        accept="audio/*,video/*,.mkv,.flac,.opus,.ogg"
        onChange={(event) => {
          const chosen = [...(event.target.files ?? [])];
          // The same file may be chosen again later.
          event.target.value = "";
          if (chosen.length) setFiles(chosen);
        }}
      />
      <MicrophoneDialog open={recording} onOpenChange={setRecording} onRecorded={(file) => setFiles([file])} />
      {files && <NewDialog files={files} onFiles={setFiles} onClose={() => setFiles(null)} />}
    </section>
  );
}

/** Takes files that are dropped anywhere on the page; true while some are held over it. */
function useFileDrag(onFiles: (files: File[]) => void): boolean {
  const [depth, setDepth] = useState(0);
  const take = useRef(onFiles);
  take.current = onFiles;
  useEffect(() => {
    const withFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (withFiles(event)) setDepth((now) => now + 1);
    };
    const leave = (event: DragEvent): void => {
      if (withFiles(event)) setDepth((now) => Math.max(0, now - 1));
    };
    const over = (event: DragEvent): void => {
      if (withFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      if (!withFiles(event)) return;
      event.preventDefault();
      setDepth(0);
      const dropped = [...(event.dataTransfer?.files ?? [])];
      if (dropped.length) take.current(dropped);
    };
    const handlers = { dragenter: enter, dragleave: leave, dragover: over, drop };
    for (const [name, handler] of Object.entries(handlers)) window.addEventListener(name, handler as EventListener);
    return () => {
      for (const [name, handler] of Object.entries(handlers)) window.removeEventListener(name, handler as EventListener);
    };
  }, []);
  return depth > 0;
}
