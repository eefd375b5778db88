import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Badge, Panel, Table, type Column } from "@/components";
import { useFormat } from "@/i18n/format";
import type { Schemas } from "@/api/client";

import { Meter } from "../parts";

const EVERY_MS = 60_000;

/** How full the disks are, and who fills them. */
export function Disk() {
  const { t } = useTranslation("system");
  const format = useFormat();
  const disk = useQuery({ ...get("/v1/system/disk"), refetchInterval: EVERY_MS });
  const columns: Column<Schemas["PartUse"]>[] = [
    {
      key: "name",
      header: t("upkeep.part"),
      cell: (part) => (
        <>
          {t(`upkeep.places.${part.name}`)}
          <br />
          <code className="text-xs break-all text-muted">{part.place}</code>
        </>
      ),
    },
    {
      key: "size",
      header: t("upkeep.size"),
      align: "end",
      cell: (part) => <span className="whitespace-nowrap">{part.size_bytes === null ? "–" : format.bytes(part.size_bytes)}</span>,
    },
    {
      key: "share",
      header: t("upkeep.share"),
      align: "end",
      secondary: true,
      cell: (part) => (part.percent === null ? "–" : format.percent(part.percent / 100, 1)),
    },
  ];
  return (
    <Panel title={t("upkeep.disk")}>
      <Async query={disk}>
        {(found) => (
          <div className="flex flex-col gap-4">
            {found.disks.map((one) => (
              <div key={one.path} className="flex flex-col gap-1.5">
                <Meter name={one.path} used={one.used_bytes} whole={one.total_bytes} unit={format.bytes} />
                <p className="flex flex-wrap items-center gap-2 text-sm text-muted">
                  {t("upkeep.free", { size: format.bytes(one.free_bytes) })}
                  {one.over && (
                    <Badge kind="bad">{t("upkeep.over", { share: format.percent(found.threshold_percent / 100) })}</Badge>
                  )}
                </p>
              </div>
            ))}
            <Table caption={t("upkeep.parts")} columns={columns} rows={found.parts} rowKey={(part) => part.name} />
          </div>
        )}
      </Async>
    </Panel>
  );
}
