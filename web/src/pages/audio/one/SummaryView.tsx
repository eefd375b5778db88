import { useQuery } from "@tanstack/react-query";
import { NotebookText, PencilLine } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import { Badge, Button, EmptyState, Spinner } from "@/components";
import type { Schema } from "@/components/schema/schema";

import { SchemaView } from "../schema/SchemaView";
import { isActive, type Whole } from "../states";
import { SummaryEditor } from "./SummaryEditor";

export interface Made {
  summary_by?: string;
  /** Somebody changed it by hand. */
  corrected?: boolean;
  model?: string;
  template?: { id: string; name: string; version: number };
}

/** The summary as its template's fields, which can be corrected in a form of them. */
export function SummaryView({ recording }: { recording: Whole }) {
  const { t, i18n } = useTranslation("audio");
  const made = (recording.versions.summarise ?? {}) as Made;
  const template = made.template;
  const mayWrite = useMay("audio:write");
  const [editing, setEditing] = useState(false);
  const form = useQuery({
    ...get("/v1/templates/{template_id}", {
      params: { template_id: template?.id ?? "" },
      query: { version: template?.version, language: i18n.language },
    }),
    enabled: template !== undefined,
    retry: false,
    staleTime: Infinity,
  });
  if (recording.summary === null || recording.summary === undefined) {
    return (
      <EmptyState icon={NotebookText} title={isActive(recording) ? t("summary.coming") : t("summary.none")}>
        {!isActive(recording) && t("summary.noneAbout")}
      </EmptyState>
    );
  }
  if (form.isLoading) return <Spinner />;
  // A template that was deleted: the summary stays, and is shown as what it is.
  const schema = (form.data?.schema ?? {}) as Schema;
  return (
    <>
      <div className="mb-3 flex min-h-8 flex-wrap items-center gap-2 text-sm text-muted">
        <bdi>{form.data?.title || template?.name}</bdi>
        {template && <span>{t("templates.version", { number: template.version })}</span>}
        <Badge kind={made.summary_by === "model" ? "accent" : "neutral"}>
          {made.summary_by === "model" ? <bdi>{made.model}</bdi> : t("summary.extractive")}
        </Badge>
        {made.corrected && <Badge>{t("transcript.corrected")}</Badge>}
        {mayWrite && !editing && !isActive(recording) && (
          <Button size="small" look="ghost" icon={PencilLine} className="ms-auto" onClick={() => setEditing(true)}>
            {t("transcript.correct")}
          </Button>
        )}
      </div>
      {editing ? (
        <SummaryEditor recording={recording} schema={schema} onDone={() => setEditing(false)} />
      ) : (
        <SchemaView value={recording.summary} schema={schema} />
      )}
    </>
  );
}
