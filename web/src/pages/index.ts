import type { LucideIcon } from "lucide-react";
import type { ComponentType } from "react";

import type { Me } from "@/api/me";
import { may } from "@/api/me";
import type { Language } from "@/i18n";

type Load = () => Promise<{ default: ComponentType }>;

/** What a room tells the frame of its page: the export `page` of `pages/<folder>/page.ts`. */
export interface Page {
  /** Its address below /console, e.g. "/chat". */
  path: string;
  /** The room of the server that it needs (`rooms` of `GET /console/me`). */
  room: string;
  /** The scope without which it is hidden, or several of which one is enough; null = for everybody. */
  scope: string | string[] | null;
  /** Place in the navigation, ascending. */
  order: number;
  icon: LucideIcon;
  /** Its name in the navigation: here, so that a page's other strings are loaded with the page. */
  title: Record<Language, string>;
  load: Load;
  /**
   * Pages below it, drawn where it places `<Outlet />`; the page itself stays mounted between them.
   * Parameters as in TanStack Router: `$sessionId`; read them with `useParams({ strict: false })`.
   */
  children?: { path: string; load: Load }[];
}

export interface PageOfRoom extends Page {
  /** Its folder, which is the namespace of its strings as well. */
  folder: string;
}

const found = import.meta.glob<Page>("./*/page.ts", { import: "page", eager: true });

/** Every page there is, in the order of the navigation. */
export const pages: PageOfRoom[] = Object.entries(found)
  .map(([file, page]) => ({ ...page, folder: file.split("/")[1] ?? "" }))
  .sort((one, other) => one.order - other.order);

/** Whether a page is of use to the one who is signed in. */
export function visible(page: Page, me: Me): boolean {
  const scopes = page.scope === null ? [] : [page.scope].flat();
  return me.rooms.includes(page.room) && (scopes.length === 0 || scopes.some((scope) => may(me, scope)));
}
