import { useMutation } from "@tanstack/react-query";
import { FileInput } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Button, Dialog, ErrorNotice, Field, Input, Select, Textarea, useToast } from "@/components";
import { isRecord } from "@/components/schema/schema";

import { useRenew } from "../data";
import { ImportResult } from "./ImportResult";

/** Takes over the operations of an OpenAPI document: first what would change is shown, then it is done. */
export function ImportDialog() {
  const { t } = useTranslation("tasks");
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      wide
      title={t("import.title")}
      about={t("import.about")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button icon={FileInput} look="primary">
          {t("import.open")}
        </Button>
      }
    >
      {open && <ImportForm onDone={() => setOpen(false)} />}
    </Dialog>
  );
}

interface Asked {
  way: "url" | "document";
  url: string;
  document: string;
  baseUrl: string;
  prefix: string;
}

/** The document that is typed, null while it is none. */
function read(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return isRecord(found) ? found : null;
  } catch {
    return null;
  }
}

function bodyOf(asked: Asked, apply: boolean): Schemas["OpenApiImport"] {
  const source = asked.way === "url" ? { url: asked.url.trim() } : { document: read(asked.document) ?? {} };
  return { ...source, base_url: asked.baseUrl.trim() || undefined, prefix: asked.prefix.trim(), include: [], apply };
}

function ImportForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const [asked, setAsked] = useState<Asked>({ way: "url", url: "", document: "", baseUrl: "", prefix: "" });
  const look = useMutation({ mutationFn: () => api.post("/v1/capabilities/import/openapi", { body: bodyOf(asked, false) }) });
  const take = useMutation({
    mutationFn: () => api.post("/v1/capabilities/import/openapi", { body: bodyOf(asked, true) }),
    onSuccess: async (done) => {
      await renew("/v1/capabilities", "/v1/capabilities/{name}");
      toast.done(t("import.done", { added: done.added.length, changed: done.changed.length, removed: done.removed.length }));
      onDone();
    },
  });
  const set = (next: Partial<Asked>): void => {
    setAsked({ ...asked, ...next });
    // What was shown was of something else.
    look.reset();
    take.reset();
  };
  const wrong = asked.way === "document" && asked.document.trim() !== "" && read(asked.document) === null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    look.mutate();
  };
  const found = look.data;
  const nothing = found !== undefined && found.added.length + found.changed.length + found.removed.length === 0;
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Fields asked={asked} set={set} wrong={wrong} />
      <div>
        <Button type="submit" busy={look.isPending} disabled={wrong}>
          {t("import.look")}
        </Button>
      </div>
      {look.error && <ErrorNotice error={look.error} />}
      {found && (
        <>
          <ImportResult found={found} />
          {take.error && <ErrorNotice error={take.error} />}
          <div className="flex justify-end">
            <Button look="primary" busy={take.isPending} disabled={nothing} onClick={() => take.mutate()}>
              {t("import.apply")}
            </Button>
          </div>
        </>
      )}
    </form>
  );
}

function Fields({ asked, set, wrong }: { asked: Asked; set: (next: Partial<Asked>) => void; wrong: boolean }) {
  const { t } = useTranslation("tasks");
  return (
    <>
      <Field label={t("import.from")}>
        <Select
          value={asked.way}
          onChange={(way) => set({ way: way as Asked["way"] })}
          choices={[
            { value: "url", label: t("import.byUrl") },
            { value: "document", label: t("import.byDocument") },
          ]}
        />
      </Field>
      {asked.way === "url" ? (
        <Field label={t("import.url")} hint={t("import.urlHint")}>
          <Input required type="url" dir="ltr" placeholder="http://127.0.0.1:9001/openapi.json" value={asked.url} onChange={(event) => set({ url: event.target.value })} />
        </Field>
      ) : (
        <Field label={t("import.document")} error={wrong ? t("import.noObject") : undefined}>
          <Textarea required dir="ltr" rows={8} spellCheck={false} className="font-mono text-sm" value={asked.document} onChange={(event) => set({ document: event.target.value })} />
        </Field>
      )}
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("import.baseUrl")} hint={t("import.baseUrlHint")}>
          <Input type="url" dir="ltr" value={asked.baseUrl} onChange={(event) => set({ baseUrl: event.target.value })} />
        </Field>
        <Field label={t("import.prefix")} hint={t("import.prefixHint")}>
          <Input dir="ltr" maxLength={60} value={asked.prefix} onChange={(event) => set({ prefix: event.target.value })} />
        </Field>
      </div>
    </>
  );
}
