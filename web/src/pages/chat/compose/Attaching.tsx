import { FileText, Paperclip, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { upload } from "@/api/upload";
import { IconButton, Progress, useErrorText } from "@/components";

import { contentOf, isPicture } from "../state/files";

/** As many as one question takes. */
const MOST_FILES = 32;

interface Attached {
  key: number;
  name: string;
  share: number;
  file: Schemas["FileRead"] | null;
  error: unknown;
  stop: () => void;
}

/** Files that go along with the next question, sent to the server as soon as they are chosen. */
export function useAttaching() {
  const [files, setFiles] = useState<Attached[]>([]);
  const next = useRef(1);
  const running = useRef(new Set<AbortController>());
  useEffect(() => {
    const open = running.current;
    return () => open.forEach((one) => one.abort());
  }, []);
  const change = (key: number, part: Partial<Attached>): void => {
    setFiles((now) => now.map((one) => (one.key === key ? { ...one, ...part } : one)));
  };
  const send = (file: File): Attached => {
    const key = next.current++;
    const leaving = new AbortController();
    running.current.add(leaving);
    const form = new FormData();
    form.set("purpose", file.type.startsWith("image/") ? "vision" : "user_data");
    form.set("file", file);
    upload<Schemas["FileRead"]>({ path: "/v1/files", form, signal: leaving.signal, onProgress: (share) => change(key, { share }) })
      .then((made) => change(key, { file: made, share: 1 }))
      .catch((error: unknown) => {
        if (!leaving.signal.aborted) change(key, { error });
      })
      .finally(() => running.current.delete(leaving));
    return { key, name: file.name, share: 0, file: null, error: null, stop: () => leaving.abort() };
  };
  return {
    files,
    ids: files.flatMap((one) => (one.file ? [one.file.id] : [])),
    busy: files.some((one) => one.file === null && one.error === null),
    add: (chosen: File[]): void => {
      const sent = chosen.slice(0, MOST_FILES - files.length).map(send);
      setFiles((now) => [...now, ...sent]);
    },
    remove: (key: number): void => {
      files.find((one) => one.key === key)?.stop();
      setFiles((now) => now.filter((one) => one.key !== key));
    },
    clear: (): void => setFiles([]),
  };
}

export type AttachingState = ReturnType<typeof useAttaching>;

export function AttachButton({ attaching }: { attaching: AttachingState }) {
  const { t } = useTranslation("chat");
  const input = useRef<HTMLInputElement>(null);
  const may = useMay("files:write");
  if (!may) return null;
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={t("attach")}
        onChange={(event) => {
          attaching.add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <IconButton icon={Paperclip} label={t("attach")} disabled={attaching.files.length >= MOST_FILES} onClick={() => input.current?.click()} />
    </>
  );
}

/** What will go along, with how far it is. */
export function AttachedFiles({ attaching }: { attaching: AttachingState }) {
  const { t } = useTranslation("chat");
  const errorText = useErrorText();
  if (attaching.files.length === 0) return null;
  return (
    <ul aria-label={t("attached")} className="flex flex-wrap gap-2 p-2.5 pb-0">
      {attaching.files.map((one) => (
        <li key={one.key} className="flex max-w-full items-center gap-2 rounded-lg border border-line bg-sunken p-1.5 ps-2 text-sm">
          {one.file && isPicture(one.file.content_type) ? (
            <img src={contentOf(one.file.id)} alt="" className="size-9 rounded object-cover" />
          ) : (
            <FileText aria-hidden className="size-4 shrink-0 text-muted" />
          )}
          <span className="min-w-0 max-w-52">
            <bdi className="block truncate">{one.name}</bdi>
            {one.error !== null && <span className="block text-bad">{errorText(one.error)}</span>}
            {!one.file && one.error === null && <Progress label={one.name} share={one.share} className="mt-1" />}
          </span>
          <IconButton icon={X} size="small" label={t("removeFile", { name: one.name })} onClick={() => attaching.remove(one.key)} />
        </li>
      ))}
    </ul>
  );
}
