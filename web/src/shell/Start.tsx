import { Link } from "@tanstack/react-router";
import { BookOpen } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useMe } from "@/api/me";
import { PageBody, PageHeader } from "@/components";
import type { Language } from "@/i18n";
import { pages, visible } from "@/pages";

const CARD =
  "flex min-h-16 items-center gap-4 rounded-lg border border-line bg-surface p-4 font-medium hover:border-accent";

/** The first page: what there is for the one who is signed in. */
export function Start() {
  const { t, i18n } = useTranslation("frame");
  const me = useMe();
  return (
    <PageBody>
      <PageHeader title={t("welcome")} about={t("about")} />
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {pages
          .filter((page) => visible(page, me))
          .map((page) => (
            <li key={page.path}>
              <Link to={page.path} className={CARD}>
                <page.icon aria-hidden className="size-6 text-accent" />
                {page.title[i18n.language as Language]}
              </Link>
            </li>
          ))}
        <li>
          <a href="/docs" className={CARD}>
            <BookOpen aria-hidden className="size-6 text-accent" />
            {t("apiDocs")}
          </a>
        </li>
      </ul>
      <p className="mt-6 text-sm text-muted">
        <bdi dir="ltr">Roundhouse {me.version}</bdi>
      </p>
    </PageBody>
  );
}
