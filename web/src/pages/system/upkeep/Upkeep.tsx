import { useMay } from "@/api/me";

import { CleanUp } from "./CleanUp";
import { Disk } from "./Disk";

/** What fills the disks, and what may go. */
export function Upkeep() {
  const mayLook = useMay("ops");
  const mayClean = useMay("admin");
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      {mayLook && <Disk />}
      {mayClean && <CleanUp />}
    </div>
  );
}
