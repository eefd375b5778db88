import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, PageBody } from "@/components";

import { copyOf, draftOf, EMPTY } from "./draft";
import { TemplateEditor } from "./TemplateEditor";

/** One template, or a new one; `?from=` names the one that it begins as. */
export default function Template() {
  const { t, i18n } = useTranslation("audio");
  const { templateId = "new" } = useParams({ strict: false }) as { templateId?: string };
  const { from } = useSearch({ strict: false }) as { from?: string };
  const isNew = templateId === "new";
  const source = isNew ? from : templateId;
  const template = useQuery({
    ...get("/v1/templates/{template_id}", {
      params: { template_id: source ?? "" },
      query: { language: i18n.language },
    }),
    enabled: source !== undefined,
  });
  return (
    <PageBody>
      <Link to="/audio/templates" className="mb-2 inline-flex items-center gap-1.5 rounded-sm text-sm text-muted hover:text-ink">
        <ArrowLeft aria-hidden className="size-4 rtl:-scale-x-100" />
        {t("templates.title")}
      </Link>
      {source === undefined ? (
        <TemplateEditor key="new" template={null} start={EMPTY} />
      ) : (
        <Async query={template}>
          {(found) => (
            <TemplateEditor
              key={`${templateId} ${from ?? ""} ${found.id} ${found.version} ${found.builtin ? i18n.language : ""}`}
              template={isNew ? null : found}
              start={isNew ? copyOf(found) : draftOf(found)}
            />
          )}
        </Async>
      )}
    </PageBody>
  );
}
