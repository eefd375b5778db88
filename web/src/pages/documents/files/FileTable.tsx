import { useTranslation } from "react-i18next";
import type { ReactNode } from "react";

import { Badge, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import type { Store, StoreFile } from "../data";
import { FileMenu } from "./FileMenu";
import { FileState } from "./FileState";
import type { Step } from "./live";

export interface FileTableProps {
  store: Store;
  files: StoreFile[];
  steps: ReadonlyMap<string, Step>;
  mayWrite: boolean;
  onShow: (file: StoreFile) => void;
  empty: ReactNode;
}

/** Files, how they stand, and what can be done with each. */
export function FileTable({ store, files, steps, mayWrite, onShow, empty }: FileTableProps) {
  const { t } = useTranslation("documents");
  const format = useFormat();
  const columns: Column<StoreFile>[] = [
    { key: "name", header: t("files.name"), cell: (file) => <Name file={file} onShow={onShow} /> },
    {
      key: "state",
      header: t("files.state"),
      cell: (file) => (
        <FileState store={store} file={file} step={file.job_id === null ? undefined : steps.get(file.job_id)} mayWrite={mayWrite} />
      ),
    },
    {
      key: "size",
      header: t("files.size"),
      align: "end",
      secondary: true,
      cell: (file) => <span className="whitespace-nowrap">{file.bytes ? format.bytes(file.bytes) : "–"}</span>,
    },
    {
      key: "added",
      header: t("files.added"),
      secondary: true,
      cell: (file) => (
        <time
          dateTime={new Date(file.created_at * 1000).toISOString()}
          title={format.time(file.created_at)}
          className="whitespace-nowrap text-muted"
        >
          {format.ago(file.created_at)}
        </time>
      ),
    },
    {
      key: "menu",
      header: <span className="sr-only">{t("actions")}</span>,
      align: "end",
      cell: (file) => <FileMenu store={store} file={file} mayWrite={mayWrite} onShow={onShow} />,
    },
  ];
  return <Table caption={t("tabs.files")} columns={columns} rows={files} rowKey={(file) => file.id} empty={empty} />;
}

/** Of a file that is not fetched yet its address is known alone. */
export function nameOf(file: StoreFile): string {
  return file.filename || file.source_url || file.id;
}

function Name({ file, onShow }: { file: StoreFile; onShow: (file: StoreFile) => void }) {
  const attributes = Object.entries(file.attributes);
  return (
    <div className="max-w-md min-w-28">
      {file.searchable ? (
        <button
          type="button"
          className="line-clamp-2 text-start font-medium break-all text-accent hover:underline"
          onClick={() => onShow(file)}
        >
          <bdi>{nameOf(file)}</bdi>
        </button>
      ) : (
        <span className="line-clamp-2 font-medium break-all">
          <bdi>{nameOf(file)}</bdi>
        </span>
      )}
      {attributes.length > 0 && (
        <div className="mt-1 flex flex-wrap gap-1">
          {attributes.map(([key, value]) => (
            <Badge key={key}>
              <bdi className="max-w-40 truncate">{key}</bdi>
              <bdi className="max-w-40 truncate text-ink">{String(value)}</bdi>
            </Badge>
          ))}
        </div>
      )}
    </div>
  );
}
