import { useQueries } from "@tanstack/react-query";
import { FileText, FileX } from "lucide-react";

import { get, type Schemas } from "@/api/client";
import { useFormat } from "@/i18n/format";

import { contentOf, isPicture } from "../state/files";

/** Files of a message: pictures as such, others by name. */
export function Attachments({ ids }: { ids: string[] }) {
  const files = useQueries({
    queries: ids.map((id) => ({ ...get("/v1/files/{file_id}", { params: { file_id: id } }), staleTime: Infinity })),
  });
  if (ids.length === 0) return null;
  return (
    <ul className="flex max-w-full flex-wrap justify-end gap-2">
      {files.map((file, index) => (
        <li key={ids[index]} className="max-w-full">
          {file.data ? <Attachment file={file.data} /> : <Missing id={ids[index]!} />}
        </li>
      ))}
    </ul>
  );
}

const CHIP = "flex min-h-9 max-w-72 items-center gap-2 rounded-lg border border-line bg-surface px-3 py-1.5 text-sm";

function Attachment({ file }: { file: Schemas["FileRead"] }) {
  const { bytes } = useFormat();
  if (isPicture(file.content_type)) {
    return (
      <a href={contentOf(file.id)} target="_blank" rel="noreferrer noopener" className="block overflow-hidden rounded-lg border border-line">
        <img src={contentOf(file.id)} alt={file.filename} loading="lazy" className="h-40 max-w-64 bg-sunken object-cover" />
      </a>
    );
  }
  return (
    <a href={contentOf(file.id)} download={file.filename} className={CHIP}>
      <FileText aria-hidden className="size-4 shrink-0 text-muted" />
      <bdi className="truncate">{file.filename}</bdi>
      <span className="shrink-0 text-muted">{bytes(file.bytes)}</span>
    </a>
  );
}

function Missing({ id }: { id: string }) {
  return (
    <span className={CHIP}>
      <FileX aria-hidden className="size-4 shrink-0 text-muted" />
      <bdi className="truncate text-muted">{id}</bdi>
    </span>
  );
}
