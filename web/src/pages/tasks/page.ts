import { Workflow } from "lucide-react";

import type { Page } from "@/pages";

export const page: Page = {
  path: "/tasks",
  room: "tasks",
  scope: ["tasks", "human", "flows", "webhooks"],
  order: 40,
  icon: Workflow,
  title: { en: "Tasks", vi: "Tác vụ", zh: "任务", he: "מטלות" },
  load: () => import("./Tasks"),
};
