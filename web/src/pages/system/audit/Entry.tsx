import { useTranslation } from "react-i18next";

import { Dialog, Facts, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import type { AuditEntry } from "./Audit";

interface Change {
  name: string;
  before: unknown;
  after: unknown;
}

type Values = Record<string, unknown>;

/** One row of the log in whole: what it was before, and after. */
export function Entry({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const { before, after, ...rest } = entry.detail as Values & { before?: Values | null; after?: Values | null };
  const changes = changesOf(before ?? {}, after ?? {});
  return (
    <Dialog place="side" wide open onOpenChange={(open) => !open && onClose()} title={entry.action} about={entry.target}>
      <div className="flex flex-col gap-6">
        <Facts
          rows={[
            [t("audit.at"), format.time(entry.at)],
            [t("audit.key"), <code className="text-xs break-all">{entry.key_id}</code>],
            [t("audit.site"), <bdi>{entry.site_id}</bdi>],
          ]}
        />
        {changes.length > 0 && <Changes changes={changes} />}
        {Object.keys(rest).length > 0 && <Details values={rest} />}
        <Facts
          rows={[
            ["id", <code className="text-xs break-all">{entry.id}</code>],
            [t("audit.hash"), <code className="text-xs break-all">{entry.hash}</code>],
            [t("audit.previous"), <code className="text-xs break-all">{entry.prev_hash}</code>],
          ]}
        />
      </div>
    </Dialog>
  );
}

function changesOf(before: Values, after: Values): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.map((name) => ({ name, before: before[name], after: after[name] }));
}

function Changes({ changes }: { changes: Change[] }) {
  const { t } = useTranslation("system");
  const columns: Column<Change>[] = [
    { key: "name", header: t("audit.field"), cell: (one) => <code>{one.name}</code> },
    { key: "before", header: t("audit.before"), cell: (one) => <Value value={one.before} /> },
    { key: "after", header: t("audit.after"), cell: (one) => <Value value={one.after} /> },
  ];
  return <Table caption={t("audit.changes")} columns={columns} rows={changes} rowKey={(one) => one.name} />;
}

function Details({ values }: { values: Values }) {
  const { t } = useTranslation("system");
  const columns: Column<[string, unknown]>[] = [
    { key: "name", header: t("audit.field"), cell: ([name]) => <code>{name}</code> },
    { key: "value", header: t("audit.value"), cell: ([, value]) => <Value value={value} /> },
  ];
  return <Table caption={t("audit.details")} columns={columns} rows={Object.entries(values)} rowKey={([name]) => name} />;
}

function Value({ value }: { value: unknown }) {
  if (value === undefined || value === null) return <>–</>;
  return <code className="break-all whitespace-pre-wrap">{typeof value === "string" ? value : JSON.stringify(value, null, 1)}</code>;
}
