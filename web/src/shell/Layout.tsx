import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import clsx from "clsx";
import { House, Menu as MenuIcon, PanelLeftClose, X } from "lucide-react";
import { Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMe } from "@/api/me";
import { IconButton } from "@/components";
import type { Language } from "@/i18n";
import { pages, visible } from "@/pages";

import { Account } from "./Account";
import { Waiting } from "./Fallbacks";
import { Mark } from "./Mark";
import { Preferences } from "./Preferences";

/** The frame round every page: navigation, who is signed in, language and theme. */
export function Layout() {
  const { t } = useTranslation("frame");
  const [open, setOpen] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    if (!open) return;
    const close = (event: KeyboardEvent): void => {
      if (event.key === "Escape") setOpen(false);
    };
    window.addEventListener("keydown", close);
    return () => window.removeEventListener("keydown", close);
  }, [open]);
  return (
    <div className="flex h-dvh flex-col lg:flex-row">
      <a
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
        className="sr-only rounded-md bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:absolute focus:start-2 focus:top-2 focus:z-60"
      >
        {t("skip")}
      </a>
      {/* One landmark: the name, the ways, and who is signed in, whether they stand above or beside the page. */}
      <header className="contents">
        <div className="flex items-center gap-2 border-b border-line bg-surface px-2 py-1.5 lg:hidden">
          <IconButton
            icon={open ? X : MenuIcon}
            label={open ? t("closeNavigation") : t("openNavigation")}
            aria-expanded={open}
            aria-controls="navigation"
            onClick={() => setOpen(!open)}
          />
          <Link to="/" className="flex items-center gap-2 font-semibold">
            <Mark className="size-6" /> Roundhouse
          </Link>
        </div>
        {open && <div className="fixed inset-0 z-20 bg-black/40 lg:hidden" onClick={() => setOpen(false)} aria-hidden />}
        <div
          id="navigation"
          className={clsx(
            "z-30 flex w-64 shrink-0 flex-col border-e border-line bg-surface lg:flex",
            "max-lg:fixed max-lg:inset-y-0 max-lg:start-0 max-lg:shadow-2xl",
            !open && "max-lg:hidden",
          )}
        >
          <div className="flex items-center gap-2.5 px-4 py-3.5">
            <Link to="/" className="flex flex-1 items-center gap-2.5 text-lg font-semibold">
              <Mark className="size-7" /> Roundhouse
            </Link>
            <IconButton
              icon={PanelLeftClose}
              mirrored
              size="small"
              className="lg:hidden"
              label={t("closeNavigation")}
              onClick={() => setOpen(false)}
            />
          </div>
          <Navigation />
          <div className="border-t border-line p-3">
            <Preferences />
            <Account />
          </div>
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} className="min-h-0 min-w-0 flex-1 overflow-y-auto focus:outline-none">
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

const ENTRY = clsx(
  "flex min-h-10 items-center gap-3 rounded-md px-3 font-medium text-muted hover:bg-sunken hover:text-ink",
  "aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent",
);

function Navigation() {
  const { t, i18n } = useTranslation("frame");
  const me = useMe();
  return (
    <nav aria-label={t("navigation")} className="min-h-0 flex-1 overflow-y-auto px-3 py-1">
      <ul className="flex flex-col gap-0.5">
        <li>
          <Link to="/" activeOptions={{ exact: true }} className={ENTRY}>
            <House aria-hidden className="size-4.5" />
            {t("start")}
          </Link>
        </li>
        {pages
          .filter((page) => visible(page, me))
          .map((page) => (
            <li key={page.path}>
              <Link to={page.path} className={ENTRY}>
                <page.icon aria-hidden className="size-4.5" />
                {page.title[i18n.language as Language]}
              </Link>
            </li>
          ))}
      </ul>
    </nav>
  );
}
