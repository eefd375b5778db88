import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeft, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";

import { pages } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Badge, Button, PageBody, PageHeader, Pager } from "@/components";
import type { Schema } from "@/components/schema/schema";

import { useLabel } from "../schema/useLabel";
import type { Template } from "../states";

/** Forms of summaries: those of the house, and one's own. */
export default function Templates() {
  const { t, i18n } = useTranslation("audio");
  const mayWrite = useMay("audio:write");
  const list = useInfiniteQuery(pages("/v1/templates", { query: { language: i18n.language } }));
  return (
    <PageBody>
      <Link to="/audio" className="mb-2 inline-flex items-center gap-1.5 rounded-sm text-sm text-muted hover:text-ink">
        <ArrowLeft aria-hidden className="size-4 rtl:-scale-x-100" />
        {t("title")}
      </Link>
      <PageHeader
        title={t("templates.title")}
        about={t("templates.about")}
        actions={
          mayWrite && (
            <Button asChild look="primary">
              <Link to="/audio/templates/$templateId" params={{ templateId: "new" } as never}>
                <Plus aria-hidden className="size-4" />
                {t("templates.new")}
              </Link>
            </Button>
          )
        }
      />
      <Async query={list}>
        {(data) => (
          <>
            <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
              {data.pages
                .flatMap((page) => page.data)
                .map((one) => (
                  <li key={one.id}>
                    <Card template={one} />
                  </li>
                ))}
            </ul>
            <Pager query={list} />
          </>
        )}
      </Async>
    </PageBody>
  );
}

function Card({ template }: { template: Template }) {
  const { t } = useTranslation("audio");
  const label = useLabel();
  const fields = Object.entries((template.schema as Schema).properties ?? {});
  return (
    <Link
      to="/audio/templates/$templateId"
      params={{ templateId: template.id } as never}
      className="flex h-full flex-col gap-2 rounded-lg border border-line bg-surface p-4 hover:border-accent"
    >
      <span className="flex flex-wrap items-center gap-2">
        <span dir="auto" className="min-w-0 flex-1 font-semibold break-words">
          {template.title || template.name}
        </span>
        {template.builtin ? (
          <Badge>{t("templates.builtin")}</Badge>
        ) : (
          <Badge kind="accent">{t("templates.version", { number: template.version })}</Badge>
        )}
      </span>
      {template.description && (
        <span dir="auto" className="line-clamp-3 text-sm break-words text-muted">
          {template.description}
        </span>
      )}
      <span className="mt-auto flex flex-wrap gap-1 pt-1">
        {fields.map(([name, part]) => (
          <bdi key={name} className="rounded-sm bg-sunken px-1.5 py-0.5 text-xs text-muted">
            {label(name, part)}
          </bdi>
        ))}
      </span>
    </Link>
  );
}
