import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Badge, Button, Table } from "@/components";
import { useFormat } from "@/i18n/format";
import type { Schema } from "@/components/schema/schema";

import { useLabel } from "../schema/useLabel";
import type { Template } from "../states";
import { draftOf, type Draft } from "./draft";

/** All versions of a template; an older one can be taken into the editor and saved as the next. */
export function VersionsPart({ template, onTake }: { template: Template; onTake: (draft: Draft) => void }) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const label = useLabel();
  const versions = useQuery(get("/v1/templates/{template_id}/versions", { params: { template_id: template.id } }));
  return (
    <Async query={versions}>
      {(list) => (
        <Table
          caption={t("templates.versions")}
          rows={list.data}
          rowKey={(one) => String(one.version)}
          columns={[
            { key: "version", header: t("templates.versions"), cell: (one) => t("templates.version", { number: one.version }) },
            { key: "at", header: t("columns.created"), cell: (one) => (one.created_at ? format.time(one.created_at) : "–") },
            {
              key: "fields",
              header: t("templates.fields"),
              secondary: true,
              cell: (one) =>
                Object.entries((one.schema as Schema).properties ?? {})
                  .map(([name, part]) => label(name, part))
                  .join(", "),
            },
            {
              key: "take",
              header: <span className="sr-only">{t("columns.menu")}</span>,
              align: "end",
              cell: (one) =>
                one.version === template.version ? (
                  <Badge kind="good">{t("templates.current")}</Badge>
                ) : (
                  <Button size="small" onClick={() => onTake({ ...draftOf(one), name: template.name })}>
                    {t("templates.take")}
                  </Button>
                ),
            },
          ]}
        />
      )}
    </Async>
  );
}
