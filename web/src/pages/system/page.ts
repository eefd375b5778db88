import { Activity } from "lucide-react";

import type { Page } from "@/pages";

export const page: Page = {
  path: "/system",
  room: "ops",
  scope: ["ops", "usage:read", "jobs:read", "keys", "audit:read"],
  order: 90,
  icon: Activity,
  title: { en: "System", vi: "Hệ thống", zh: "系统", he: "מערכת" },
  load: () => import("./System"),
};
