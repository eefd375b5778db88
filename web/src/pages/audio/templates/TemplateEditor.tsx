import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Copy, Save, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { useMay } from "@/api/me";
import { Badge, Button, Confirm, ErrorNotice, PageHeader, useToast } from "@/components";
import { Tabs } from "@/components/Tabs";

import type { Template } from "../states";
import { NAME, same, type Draft } from "./draft";
import { ExamplePart } from "./ExamplePart";
import { FieldsPart } from "./FieldsPart";
import { TextsPart } from "./TextsPart";
import { TrialPart } from "./TrialPart";
import { VersionsPart } from "./VersionsPart";

export interface TemplateEditorProps {
  /** null = it is a new one. */
  template: Template | null;
  start: Draft;
}

/** Writes a template: what it is called and asks, its fields, an example; and tries it on a text. */
export function TemplateEditor({ template, start }: TemplateEditorProps) {
  const { t } = useTranslation("audio");
  const mayWrite = useMay("audio:write");
  const mayTry = useMay("inference") && mayWrite;
  const [draft, setDraft] = useState(start);
  const locked = !mayWrite || (template?.builtin ?? false);
  const dirty = template === null || !same(draft, start);
  const set = (news: Partial<Draft>): void => setDraft((now) => ({ ...now, ...news }));
  const save = useSave(template, draft);
  const ready = NAME.test(draft.name) && draft.prompt.trim() !== "";
  const parts = { draft, set, locked };
  return (
    <>
      <PageHeader
        title={template ? template.title || template.name : t("templates.new")}
        about={
          template && (
            <span className="flex flex-wrap items-center gap-2">
              <code className="text-sm">{template.name}</code>
              {template.builtin ? (
                <Badge>{t("templates.builtin")}</Badge>
              ) : (
                <Badge kind="accent">{t("templates.version", { number: template.version })}</Badge>
              )}
              {dirty && !locked && <Badge kind="warn">{t("templates.unsaved")}</Badge>}
            </span>
          )
        }
        actions={
          <>
            {template && mayWrite && (
              <Button asChild>
                <Link to="/audio/templates/$templateId" params={{ templateId: "new" } as never} search={{ from: template.id } as never}>
                  <Copy aria-hidden className="size-4" />
                  {t("templates.copy")}
                </Link>
              </Button>
            )}
            {template && !locked && <DeleteTemplate template={template} />}
            {!locked && (
              <Button look="primary" icon={Save} busy={save.isPending} disabled={!dirty || !ready} onClick={() => save.mutate()}>
                {t("frame:save")}
              </Button>
            )}
          </>
        }
      />
      {save.error && <ErrorNotice error={save.error} className="mb-4" />}
      {template?.builtin && <p className="mb-4 rounded-lg bg-sunken px-3 py-2 text-sm text-muted">{t("templates.builtinAbout")}</p>}
      <Tabs
        label={t("templates.parts")}
        tabs={[
          { value: "texts", label: t("templates.texts"), content: <TextsPart {...parts} isNew={template === null} /> },
          { value: "fields", label: t("templates.fields"), content: <FieldsPart {...parts} /> },
          { value: "example", label: t("templates.example"), content: <ExamplePart {...parts} /> },
          ...(template && mayTry
            ? [{ value: "trial", label: t("templates.trial"), content: <TrialPart template={template} dirty={dirty} /> }]
            : []),
          ...(template && !template.builtin
            ? [{ value: "versions", label: t("templates.versions"), content: <VersionsPart template={template} onTake={setDraft} /> }]
            : []),
        ]}
      />
    </>
  );
}

function useSave(template: Template | null, draft: Draft) {
  const { t } = useTranslation("audio");
  const queries = useQueryClient();
  const navigate = useNavigate();
  const toast = useToast();
  const { name, title, description, schema, prompt, example } = draft;
  return useMutation({
    mutationFn: () =>
      template === null
        ? api.post("/v1/templates", { body: { name, title, description, schema, prompt, example } })
        : api.patch("/v1/templates/{template_id}", {
            params: { template_id: template.id },
            body: { title, description, schema, prompt, example, version: template.version },
          }),
    onSuccess: async (made) => {
      toast.done(t("templates.saved", { number: made.version }));
      for (const key of ["/v1/templates", "/v1/templates/{template_id}", "/v1/templates/{template_id}/versions"]) {
        await queries.invalidateQueries({ queryKey: [key] });
      }
      if (template === null) await navigate({ to: "/audio/templates/$templateId", params: { templateId: made.id } as never, replace: true });
    },
  });
}

function DeleteTemplate({ template }: { template: Template }) {
  const { t } = useTranslation("audio");
  const queries = useQueryClient();
  const navigate = useNavigate();
  return (
    <Confirm
      title={t("templates.deleteTitle", { name: template.title || template.name })}
      about={t("templates.deleteAbout")}
      action={t("frame:delete")}
      trigger={<Button icon={Trash2}>{t("frame:delete")}</Button>}
      onConfirm={async () => {
        await api.delete("/v1/templates/{template_id}", { params: { template_id: template.id } });
        await navigate({ to: "/audio/templates" });
        await queries.invalidateQueries({ queryKey: ["/v1/templates"] });
      }}
    />
  );
}
