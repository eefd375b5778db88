import { MessagesSquare } from "lucide-react";

import type { Page } from "@/pages";

export const page: Page = {
  path: "/chat",
  room: "chat",
  scope: "chats:read",
  order: 10,
  icon: MessagesSquare,
  title: { en: "Chat", vi: "Trò chuyện", zh: "聊天", he: "צ'אט" },
  load: () => import("./Chat"),
  children: [{ path: "$sessionId", load: () => import("./Session") }],
};
