import { useTranslation } from "react-i18next";

import type { Schemas } from "@/api/client";
import { Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";

type Sum = Schemas["KindSum"];
type Removal = Schemas["Removal"];

/** What would be deleted: by kind, then one by one. */
export function Plan({ plan }: { plan: Schemas["CleanPlan"] }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const columns: Column<Removal>[] = [
    {
      key: "name",
      header: t("upkeep.thing"),
      cell: (one) => (
        <>
          {one.label && <bdi className="block">{one.label}</bdi>}
          <code className="text-xs break-all">{one.name}</code>
        </>
      ),
    },
    { key: "kind", header: t("upkeep.kind"), secondary: true, cell: (one) => t(`upkeep.kinds.${one.kind}`) },
    { key: "at", header: t("upkeep.from"), secondary: true, cell: (one) => (one.at ? format.day(one.at) : "–") },
    {
      key: "size",
      header: t("upkeep.size"),
      align: "end",
      cell: (one) => <span className="whitespace-nowrap">{format.bytes(one.size_bytes)}</span>,
    },
  ];
  return (
    <div className="flex flex-col gap-3">
      <p className="font-medium">
        {plan.count === 0 ? t("upkeep.nothing") : t("upkeep.would", { count: plan.count, size: format.bytes(plan.size_bytes) })}
      </p>
      {plan.count > 0 && <Sums caption={t("upkeep.byKind")} sums={plan.kinds} />}
      {plan.count > 0 && (
        <details>
          <summary className="min-h-8 cursor-pointer py-1">{t("upkeep.first", { count: plan.first.length })}</summary>
          <Table caption={t("upkeep.things")} columns={columns} rows={plan.first} rowKey={(one) => `${one.kind} ${one.name}`} />
        </details>
      )}
      <KeptList kept={plan.kept} />
    </div>
  );
}

/** Number and size by kind. */
export function Sums({ caption, sums }: { caption: string; sums: Sum[] }) {
  const { t } = useTranslation("system");
  const format = useFormat();
  const columns: Column<Sum>[] = [
    { key: "kind", header: t("upkeep.kind"), cell: (one) => t(`upkeep.kinds.${one.kind}`) },
    { key: "count", header: t("upkeep.number"), align: "end", cell: (one) => format.number(one.count) },
    {
      key: "size",
      header: t("upkeep.size"),
      align: "end",
      cell: (one) => <span className="whitespace-nowrap">{format.bytes(one.size_bytes)}</span>,
    },
  ];
  return <Table caption={caption} columns={columns} rows={sums} rowKey={(one) => one.kind} />;
}

/** What stays although it should go, and why. */
export function KeptList({ kept }: { kept: Schemas["Kept"][] }) {
  const { t } = useTranslation("system");
  if (kept.length === 0) return null;
  return (
    <div className="rounded-md bg-warn-soft p-3 text-sm">
      <p className="font-medium text-warn">{t("upkeep.stays", { count: kept.length })}</p>
      <ul className="mt-1 flex flex-col gap-1">
        {kept.map((one) => (
          <li key={`${one.kind} ${one.name}`} className="break-words">
            {t(`upkeep.kinds.${one.kind}`)} {one.name && <code className="text-xs break-all">{one.name}</code>}{" "}
            <span dir="auto">{one.reason}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
