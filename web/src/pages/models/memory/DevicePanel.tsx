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
      {device.queue.length > 0 && <Queue device={device} />}
    </Panel>
  );
}

/** Who waits for room, in the order in which it is given. */
function Queue({ device }: { device: Device }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const more = device.queue_length - device.queue.length;
  return (
    <section aria-label={t("memory.queue")} className="mt-3 border-t border-line pt-3">
      <h3 className="mb-1.5 text-sm font-medium text-muted">{t("memory.queue")}</h3>
      <ol className="flex flex-wrap gap-2 text-sm">
        {device.queue.map((name, index) => (
          <li key={index} className="flex min-w-0 items-center gap-2 rounded-md bg-sunken px-2 py-1">
            <span className="text-muted tabular-nums">{format.number(index + 1)}</span>
            {name === null ? <span className="text-muted">{t("memory.another")}</span> : <bdi className="break-all">{name}</bdi>}
          </li>
        ))}
        {more > 0 && <li className="px-2 py-1 text-muted">+{format.number(more)}</li>}
      </ol>
    </section>
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
