import { useTranslation } from "react-i18next";

import { Badge, Panel } from "@/components";
import { useFormat } from "@/i18n/format";

import { fullName, MIB, type Device, type Resident } from "../data";
import { MemoryBar, shadeOf, type Piece } from "./MemoryBar";
import { ResidentRow } from "./ResidentRow";

/** One memory: a bar of who holds what, and the models that are in it or wait for it. */
export function DevicePanel({ device, residents }: { device: Device; residents: Resident[] }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const name = useDeviceName(device.device);
  const holding = residents.filter((one) => one.state !== "absent");
  const pieces: Piece[] = [
    ...holding.map((one, index) => ({ name: fullName(one), mib: one.footprint_mib ?? 0, shade: shadeOf(index) })),
    { name: t("memory.others"), mib: device.unmanaged_mib, shade: "bg-line-strong" },
  ];
  const filled = pieces.reduce((sum, piece) => sum + piece.mib, 0);
  const whole = Math.max(device.budget_mib ?? 0, filled);
  return (
    <Panel
      title={name}
      actions={device.queue_length > 0 && <Badge kind="warn">{t("memory.waiting", { count: device.queue_length })}</Badge>}
    >
      <dl className="mb-2 flex flex-wrap gap-x-5 gap-y-1 text-sm">
        <Amount name={t("memory.models")} mib={device.used_mib} />
        <Amount name={t("memory.others")} mib={device.unmanaged_mib} />
        {device.budget_mib !== null && (
          <>
            <Amount name={t("memory.free")} mib={Math.max(0, device.budget_mib - filled)} />
            <Amount name={t("memory.budget")} mib={device.budget_mib} />
          </>
        )}
      </dl>
      {device.budget_mib === null && <p className="mb-2 text-sm text-muted">{t("memory.unlimited")}</p>}
      <MemoryBar
        label={t("memory.bar", { name, used: format.bytes(filled * MIB) })}
        pieces={pieces}
        whole={whole}
      />
      {residents.length === 0 ? (
        <p className="mt-3 text-sm text-muted">{t("memory.empty")}</p>
      ) : (
        <ul className="mt-2 divide-y divide-line">
          {residents.map((one) => (
            <ResidentRow key={fullName(one)} resident={one} shade={holding.includes(one) ? shadeOf(holding.indexOf(one)) : null} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Amount({ name, mib }: { name: string; mib: number }) {
  const format = useFormat();
  return (
    <div className="flex gap-1.5">
      <dt className="text-muted">{name}</dt>
      <dd className="font-medium tabular-nums">
        <bdi>{format.bytes(mib * MIB)}</bdi>
      </dd>
    </div>
  );
}

/** What people call a memory: `cuda:0` stays as it is. */
function useDeviceName(device: string): string {
  const { t } = useTranslation("models");
  if (device === "cpu") return t("memory.ram");
  if (device.startsWith("server:")) return t("memory.server", { name: device.slice("server:".length) });
  return device;
}
