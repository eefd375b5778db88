import { useQuery } from "@tanstack/react-query";
import { MemoryStick } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Async, EmptyState } from "@/components";

import { statusQuery, type Resident } from "../data";
import { DevicePanel } from "./DevicePanel";
import { LoadDialog } from "./LoadDialog";

/** The memories, who holds what of them, and who waits. */
export function Memory() {
  const { t } = useTranslation("models");
  const status = useQuery(statusQuery);
  const mayWrite = useMay("models:write");
  return (
    <section className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("memory.about")}</p>
        {mayWrite && <LoadDialog />}
      </div>
      <Async query={status}>
        {({ devices, data }) =>
          devices.length === 0 ? (
            <EmptyState icon={MemoryStick} title={t("memory.none")}>
              {t("memory.noneAbout")}
            </EmptyState>
          ) : (
            devices.map((device) => (
              <DevicePanel
                key={device.device}
                device={device}
                residents={data.filter((one) => one.device === device.device && isHere(one))}
              />
            ))
          )
        }
      </Async>
    </section>
  );
}

/** In memory, on its way in or out, or waited for. */
function isHere(one: Resident): boolean {
  return one.state !== "absent" || one.queue_length > 0 || one.pinned;
}
