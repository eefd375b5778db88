import { AudioLines } from "lucide-react";

import type { Page } from "@/pages";

export const page: Page = {
  path: "/audio",
  room: "audio",
  scope: "audio:read",
  order: 30,
  icon: AudioLines,
  title: { en: "Audio", vi: "Âm thanh", zh: "音频", he: "שמע" },
  load: () => import("./Audio"),
  children: [
    { path: "templates", load: () => import("./templates/Templates") },
    { path: "templates/$templateId", load: () => import("./templates/Template") },
    { path: "$recordingId", load: () => import("./one/RecordingPage") },
  ],
};
