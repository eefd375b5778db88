import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { ScrollText, ShieldCheck } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, pages, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, Button, EmptyState, Field, Input, Pager, Select, Table, useToast, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { Entry } from "./Entry";

export type AuditEntry = Schemas["AuditRead"];

const NOUNS = [
  "key",
  "quota_plan",
  "provider",
  "alias",
  "model",
  "job",
  "disk",
  "session",
  "recording",
  "template",
  "vector_store",
  "file",
  "capability",
  "task",
  "webhook",
] as const;
const DAY_MS = 86_400_000;

interface Filters {
  action: string;
  key: string;
  target: string;
  site: string;
  from: string;
  to: string;
}

const NO_FILTERS: Filters = { action: "", key: "", target: "", site: "", from: "", to: "" };

/** Who changed what, newest first. */
export function Audit() {
  const { t } = useTranslation("system");
  const [typed, setTyped] = useState(NO_FILTERS);
  const filters = useDeferredValue(typed);
  const [shown, setShown] = useState<AuditEntry | null>(null);
  const entries = useInfiniteQuery({
    ...pages("/v1/audit", {
      query: {
        limit: 50,
        action: filters.action || undefined,
        key_id: /^\w+$/.test(filters.key) ? filters.key : undefined,
        target: filters.target.trim() || undefined,
        site_id: filters.site.trim() || undefined,
        from: filters.from || undefined,
        to: filters.to ? new Date(Date.parse(filters.to) + DAY_MS).toISOString() : undefined,
      },
    }),
    placeholderData: (before) => before,
  });
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("audit.about")}</p>
        <Verify />
      </div>
      <FilterBar filters={typed} onChange={setTyped} />
      <Async query={entries}>
        {(data) => <EntryTable entries={data.pages.flatMap((page) => page.data)} onShow={setShown} />}
      </Async>
      <Pager query={entries} />
      {shown !== null && <Entry entry={shown} onClose={() => setShown(null)} />}
    </section>
  );
}

/** Recomputes the chain of the whole log. */
function Verify() {
  const { t } = useTranslation("system");
  const toast = useToast();
  const verifying = useMutation({ mutationFn: () => api.get("/v1/audit/verification"), onError: toast.failed });
  const found = verifying.data;
  return (
    <div className="flex flex-wrap items-center gap-2" aria-live="polite">
      {found && <Badge kind={found.intact ? "good" : "bad"}>{found.intact ? t("audit.intact") : t("audit.broken")}</Badge>}
      {found?.first_bad_id && <code className="text-xs break-all">{found.first_bad_id}</code>}
      <Button icon={ShieldCheck} busy={verifying.isPending} onClick={() => verifying.mutate()}>
        {t("audit.verify")}
      </Button>
    </div>
  );
}

function FilterBar({ filters, onChange }: { filters: Filters; onChange: (next: Filters) => void }) {
  const { t } = useTranslation("system");
  const admin = useMay("admin");
  const set = (name: keyof Filters) => (value: string) => onChange({ ...filters, [name]: value });
  const text = (name: "key" | "target" | "site", most: number) => (
    <Field label={t(`audit.${name}`)}>
      <Input type="search" maxLength={most} value={filters[name]} onChange={(event) => set(name)(event.target.value)} />
    </Field>
  );
  return (
    <div className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-6">
      <Field label={t("audit.action")}>
        <Select
          value={filters.action}
          onChange={set("action")}
          choices={[
            { value: "", label: t("audit.any") },
            ...NOUNS.map((noun) => ({ value: noun, label: t(`audit.nouns.${noun}`) })),
          ]}
        />
      </Field>
      {text("target", 300)}
      {text("key", 40)}
      {admin && text("site", 200)}
      <Field label={t("usage.from")}>
        <Input type="date" max={filters.to || undefined} value={filters.from} onChange={(event) => set("from")(event.target.value)} />
      </Field>
      <Field label={t("usage.to")}>
        <Input type="date" min={filters.from || undefined} value={filters.to} onChange={(event) => set("to")(event.target.value)} />
      </Field>
    </div>
  );
}

function EntryTable({ entries, onShow }: { entries: AuditEntry[]; onShow: (entry: AuditEntry) => void }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const columns: Column<AuditEntry>[] = [
    {
      key: "action",
      header: t("audit.action"),
      cell: (entry) => (
        <button
          type="button"
          aria-label={t("audit.open", { action: entry.action, target: entry.target })}
          className="min-h-6 text-start font-medium text-accent underline-offset-2 hover:underline"
          onClick={() => onShow(entry)}
        >
          <bdi>{entry.action}</bdi>
        </button>
      ),
    },
    { key: "target", header: t("audit.target"), cell: (entry) => <bdi className="break-all">{entry.target}</bdi> },
    { key: "key", header: t("audit.key"), secondary: true, cell: (entry) => <code className="text-xs break-all">{entry.key_id}</code> },
    { key: "site", header: t("audit.site"), secondary: true, cell: (entry) => <bdi>{entry.site_id}</bdi> },
    {
      key: "at",
      header: t("audit.at"),
      align: "end",
      cell: (entry) => (
        <time dateTime={entry.at} title={entry.at}>
          {format.time(entry.at)}
        </time>
      ),
    },
  ];
  return (
    <Table
      caption={t("audit.title")}
      columns={columns}
      rows={entries}
      rowKey={(entry) => entry.id}
      empty={<EmptyState icon={ScrollText} title={t("audit.none")} />}
    />
  );
}
