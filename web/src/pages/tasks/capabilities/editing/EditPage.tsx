import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Save } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, get } from "@/api/client";
import { asApiError } from "@/api/problem";
import { Async, Button, ErrorNotice, Panel, useToast } from "@/components";

import { useRenew, type Capability } from "../../data";
import { Head } from "../../parts";
import { blankDraft, changesOf, draftOf, fieldOf, newOf, wrongIn, type Draft, type JsonField } from "./draft";
import { Keeping } from "./Keeping";
import { Saying } from "./Saying";
import { Taking } from "./Taking";
import { Where } from "./Where";

/** What every part of the form is given. */
export interface PartProps {
  draft: Draft;
  /** What is there already; null = it is a new one. */
  one: Capability | null;
  set: (next: Partial<Draft>) => void;
  /** What the server has against a field. */
  errorOf: (field: keyof Draft) => string | undefined;
}

/** Registers a capability by hand, or changes one; `name` null = a new one. */
export default function EditPage({ name }: { name: string | null }) {
  const { t } = useTranslation("tasks");
  return (
    <section className="flex flex-col gap-4">
      <Head
        part="capabilities"
        id={name ?? undefined}
        back={name ?? t("capabilities.title")}
        title={name === null ? t("edit.new") : t("edit.title", { name })}
      />
      {name === null ? <Form one={null} /> : <Change name={name} />}
    </section>
  );
}

function Change({ name }: { name: string }) {
  const found = useQuery(get("/v1/capabilities/{name}", { params: { name } }));
  return <Async query={found}>{(one) => <Form key={one.updated_at} one={one} />}</Async>;
}

function Form({ one }: { one: Capability | null }) {
  const { t } = useTranslation("tasks");
  const frame = useTranslation("frame").t;
  const toast = useToast();
  const renew = useRenew();
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>(() => (one ? draftOf(one) : blankDraft()));
  const save = useMutation({
    mutationFn: () =>
      one
        ? api.patch("/v1/capabilities/{name}", { params: { name: one.name }, body: changesOf(draft, one) })
        : api.post("/v1/capabilities", { body: newOf(draft) }),
    onSuccess: async (done) => {
      toast.done(t("edit.saved", { version: done.version }));
      await renew("/v1/capabilities", "/v1/capabilities/{name}", "/v1/capabilities/{name}/versions");
      await navigate({ to: "/tasks", hash: `capabilities/${done.name}` });
    },
  });
  const refused = save.error ? asApiError(save.error) : null;
  const at = fieldOf(refused?.param ?? null);
  const wrong = wrongIn(draft);
  const set = (next: Partial<Draft>): void => {
    setDraft({ ...draft, ...next });
    // What was refused was something else.
    if (save.error) save.reset();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  const parts: PartProps = { draft, one, set, errorOf: (field) => (at === field ? refused?.message : undefined) };
  return (
    <form aria-label={one ? t("edit.title", { name: one.name }) : t("edit.new")} className="flex flex-col gap-4" onSubmit={submit}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title={t("edit.what")}>
            <Saying {...parts} />
          </Panel>
          <Panel title={t("capabilities.endpoint")}>
            <Where {...parts} />
          </Panel>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title={t("edit.takesAndGives")}>
            <Taking {...parts} />
          </Panel>
          <Panel title={t("edit.running")}>
            <Keeping {...parts} />
          </Panel>
        </div>
      </div>
      {save.error && <ErrorNotice error={save.error} />}
      <div className="flex flex-wrap items-center justify-end gap-3">
        {wrong.length > 0 && <Wrong fields={wrong} />}
        <Button type="submit" look="primary" icon={Save} busy={save.isPending} disabled={wrong.length > 0}>
          {one ? frame("save") : t("edit.register")}
        </Button>
      </div>
    </form>
  );
}

function Wrong({ fields }: { fields: JsonField[] }) {
  const { t } = useTranslation("tasks");
  return <p className="text-sm text-bad">{t("edit.noJson", { fields: fields.map((field) => t(`edit.fields.${field}`)).join(", ") })}</p>;
}
