import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { ChartColumn, Download, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { get, pages } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, EmptyState, Field, Input, Pager, Select, Table, useToast, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

import { Budgets } from "./Budgets";
import { csvOf, GROUPINGS, keep, queryOf, RANGES, type Group, type Grouping, type Range, type Wish } from "./data";

/** Who used how much, and what is left of the budgets. */
export function Usage() {
  const { t } = useTranslation("system");
  const admin = useMay("admin");
  const [wish, setWish] = useState<Wish>({
    range: "days30",
    from: "",
    to: "",
    group: admin ? "site" : "key",
    site: "",
    key: "",
  });
  const usage = useInfiniteQuery({ ...pages("/v1/usage", { query: queryOf(wish) }), placeholderData: (before) => before });
  const nameOf = useKeyNames();
  return (
    <section className="flex flex-col gap-4">
      <WishBar wish={wish} onChange={setWish} />
      {(wish.site || wish.key) && (
        <div className="flex flex-wrap gap-2">
          {wish.site && (
            <Button size="small" icon={X} onClick={() => setWish({ ...wish, site: "" })}>
              {t("usage.onlySite", { name: wish.site })}
            </Button>
          )}
          {wish.key && (
            <Button size="small" icon={X} onClick={() => setWish({ ...wish, key: "" })}>
              {t("usage.onlyKey", { name: nameOf(wish.key) })}
            </Button>
          )}
        </div>
      )}
      <Async query={usage}>
        {(data) => (
          <GroupTable
            grouping={data.pages[0]?.group_by ?? wish.group}
            groups={data.pages.flatMap((page) => page.data)}
            whole={!usage.hasNextPage}
            nameOf={nameOf}
            onNarrow={(narrow) => setWish({ ...wish, ...narrow, group: "model" })}
          />
        )}
      </Async>
      <Pager query={usage} />
      <Budgets />
    </section>
  );
}

/** What people call a key, where that may be known. */
function useKeyNames(): (id: string) => string {
  const may = useMay("keys");
  const keys = useQuery({ ...get("/v1/keys", { query: { limit: 200 } }), enabled: may });
  const names = new Map(keys.data?.data.map((key) => [key.id, key.name]));
  return (id) => names.get(id) ?? id;
}

function WishBar({ wish, onChange }: { wish: Wish; onChange: (next: Wish) => void }) {
  const { t } = useTranslation("system");
  const toast = useToast();
  const taking = useMutation({
    mutationFn: () => csvOf(wish),
    onSuccess: (text) => keep(`usage-by-${wish.group}.csv`, text),
    onError: toast.failed,
  });
  return (
    <div className="flex flex-wrap items-end gap-3">
      <Field label={t("usage.range")} className="min-w-40 flex-1">
        <Select
          value={wish.range}
          onChange={(range) => onChange({ ...wish, range: range as Range })}
          choices={RANGES.map((range) => ({ value: range, label: t(`usage.ranges.${range}`) }))}
        />
      </Field>
      {wish.range === "own" && (
        <>
          <Field label={t("usage.from")} className="min-w-36 flex-1">
            <Input type="date" max={wish.to || undefined} value={wish.from} onChange={(event) => onChange({ ...wish, from: event.target.value })} />
          </Field>
          <Field label={t("usage.to")} className="min-w-36 flex-1">
            <Input type="date" min={wish.from || undefined} value={wish.to} onChange={(event) => onChange({ ...wish, to: event.target.value })} />
          </Field>
        </>
      )}
      <Field label={t("usage.by")} className="min-w-40 flex-1">
        <Select
          value={wish.group}
          onChange={(group) => onChange({ ...wish, group: group as Grouping })}
          choices={GROUPINGS.map((group) => ({ value: group, label: t(`usage.groups.${group}`) }))}
        />
      </Field>
      <Button icon={Download} busy={taking.isPending} onClick={() => taking.mutate()}>
        CSV
      </Button>
    </div>
  );
}

/** A group, or all of them together. */
type Row = Omit<Group, "object"> & { isSum?: true };

interface GroupTableProps {
  grouping: Grouping;
  groups: Group[];
  /** Whether these are all there are: only then their sum is one. */
  whole: boolean;
  nameOf: (keyId: string) => string;
  onNarrow: (narrow: { site: string } | { key: string }) => void;
}

function GroupTable({ grouping, groups, whole, nameOf, onNarrow }: GroupTableProps) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const money = (usd: number): string =>
    format.number(usd, { style: "currency", currency: "USD", maximumFractionDigits: usd > 0 && usd < 1 ? 4 : 2 });
  const number = (key: string, header: string, read: (row: Row) => string, secondary = false): Column<Row> => ({
    key,
    header,
    align: "end",
    secondary,
    cell: read,
  });
  const columns: Column<Row>[] = [
    {
      key: "group",
      header: t(`usage.groups.${grouping}`),
      cell: (group) => <Name grouping={grouping} group={group} nameOf={nameOf} onNarrow={onNarrow} />,
    },
    number("requests", t("usage.requests"), (group) => format.number(group.requests)),
    number("errors", t("usage.errors"), (group) => format.number(group.errors), true),
    number("cached", t("usage.cached"), (group) => format.number(group.cache_hits), true),
    number("read", t("usage.read"), (group) => format.number(group.prompt_tokens), true),
    number("written", t("usage.written"), (group) => format.number(group.completion_tokens), true),
    number("audio", t("usage.sound"), (group) => (group.audio_s ? format.duration(group.audio_s) : "–"), true),
    number("cost", t("usage.cost"), (group) => money(group.cost_usd)),
  ];
  const rows: Row[] = whole && groups.length > 1 ? [...groups, sumOf(groups)] : groups;
  return (
    <Table
      caption={t("usage.title")}
      columns={columns}
      rows={rows}
      rowKey={(row) => (row.isSum ? "sum" : `of ${row.group}`)}
      empty={<EmptyState icon={ChartColumn} title={t("usage.none")} />}
    />
  );
}

function Name({ grouping, group, nameOf, onNarrow }: Pick<GroupTableProps, "grouping" | "nameOf" | "onNarrow"> & { group: Row }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  if (group.isSum) return <span className="font-semibold">{t("usage.sum")}</span>;
  if (group.group === "") return <span className="text-muted">{t("usage.nobody")}</span>;
  if (grouping === "day") return format.day(`${group.group}T12:00:00`);
  const name = grouping === "key" ? nameOf(group.group) : group.group;
  if (grouping !== "key" && grouping !== "site") return <bdi className="break-all">{name}</bdi>;
  return (
    <button
      type="button"
      aria-label={t("usage.narrow", { name })}
      className="min-h-6 text-start text-accent underline-offset-2 hover:underline"
      onClick={() => onNarrow(grouping === "key" ? { key: group.group } : { site: group.group })}
    >
      <bdi className="break-all">{name}</bdi>
    </button>
  );
}

function sumOf(groups: Group[]): Row {
  const sum = (read: (group: Group) => number): number => groups.reduce((before, group) => before + read(group), 0);
  return {
    isSum: true,
    group: "",
    requests: sum((group) => group.requests),
    errors: sum((group) => group.errors),
    cache_hits: sum((group) => group.cache_hits),
    prompt_tokens: sum((group) => group.prompt_tokens),
    completion_tokens: sum((group) => group.completion_tokens),
    total_tokens: sum((group) => group.total_tokens),
    audio_s: sum((group) => group.audio_s),
    cost_usd: sum((group) => group.cost_usd),
  };
}
