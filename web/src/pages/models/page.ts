import { Cpu } from "lucide-react";

import type { Page } from "@/pages";

export const page: Page = {
  path: "/models",
  room: "gateway",
  scope: "models:read",
  order: 50,
  icon: Cpu,
  title: { en: "Models", vi: "Mô hình", zh: "模型", he: "מודלים" },
  load: () => import("./Models"),
};
