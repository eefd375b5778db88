import clsx from "clsx";
import { ArrowUpFromLine, Pin, PinOff } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Badge, Button } from "@/components";
import { useFormat } from "@/i18n/format";

import { fullName, MIB, type Resident } from "../data";
import { useMoves } from "./moves";

const KINDS = { loaded: "good", loading: "accent", unloading: "warn" } as const;

/** One model in memory: its size, who uses it, until when it stays, and the way out. */
export function ResidentRow({ resident, shade }: { resident: Resident; shade: string | null }) {
  const { t } = useTranslation("models");
  const mayWrite = useMay("models:write");
  const moves = useMoves();
  const name = fullName(resident);
  const moving = moves.isMoving || resident.state === "loading" || resident.state === "unloading";
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 py-2.5">
      <span aria-hidden className={clsx("size-3 shrink-0 rounded-sm", shade ?? "border border-line-strong")} />
      <div className="min-w-0 flex-1 basis-56">
        <div className="flex flex-wrap items-center gap-2">
          <bdi className="font-medium break-all">{name}</bdi>
          <Badge kind={KINDS[resident.state as keyof typeof KINDS] ?? "neutral"}>{t(`states.${resident.state}`)}</Badge>
          {resident.pinned && (
            <Badge kind="accent">
              <Pin aria-hidden className="size-3" />
              {t("memory.pinned")}
            </Badge>
          )}
          {resident.queue_length > 0 && <Badge kind="warn">{t("memory.waiting", { count: resident.queue_length })}</Badge>}
        </div>
        <Details resident={resident} />
      </div>
      {mayWrite && (
        <div className="flex gap-2">
          {!resident.pinned && (
            <Button size="small" icon={Pin} disabled={moving} onClick={() => moves.load(name, true)}>
              {t("memory.pin")}
            </Button>
          )}
          {resident.pinned && resident.state === "loaded" && (
            <Button size="small" icon={PinOff} disabled={moving} onClick={() => moves.load(name, false)}>
              {t("memory.unpin")}
            </Button>
          )}
          {(resident.state !== "absent" || resident.pinned) && (
            <Button size="small" icon={ArrowUpFromLine} disabled={moving} onClick={() => moves.unload(name)}>
              {t("memory.unload")}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

function Details({ resident }: { resident: Resident }) {
  const { t } = useTranslation("models");
  const format = useFormat();
  const size = resident.footprint_mib === null ? null : format.bytes(resident.footprint_mib * MIB);
  const said = [
    size && t(resident.footprint_measured ? "memory.measured" : "memory.estimated", { size }),
    t("memory.inUse", { count: resident.leases }),
    resident.last_used_at && t("memory.used", { when: format.ago(resident.last_used_at) }),
    resident.expires_at && !resident.pinned && t("memory.leaves", { when: format.ago(resident.expires_at) }),
  ].filter(Boolean);
  return <p className="text-sm text-muted">{said.join(" · ")}</p>;
}
