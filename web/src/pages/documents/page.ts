import { LibraryBig } from "lucide-react";

import type { Page } from "@/pages";

export const page: Page = {
  path: "/documents",
  room: "knowledge",
  scope: "knowledge:read",
  order: 20,
  icon: LibraryBig,
  title: { en: "Documents", vi: "Tài liệu", zh: "文档", he: "מסמכים" },
  load: () => import("./Documents"),
  children: [
    { path: "$storeId", load: () => import("./Collection") },
    { path: "$storeId/$part", load: () => import("./Collection") },
  ],
};
