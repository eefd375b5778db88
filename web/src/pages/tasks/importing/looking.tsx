import { useMutation } from "@tanstack/react-query";
import { useEffect, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, ErrorNotice, Field, Input, Textarea, useToast } from "@/components";
import { isRecord } from "@/components/schema/schema";

import { useRenew, type Import } from "../data";
import { HeaderRows } from "./HeaderRows";
import type { HeaderRow } from "./headers";
import { ImportResult } from "./ImportResult";

/** What the imports of documents have in common. */
export interface Common {
  baseUrl: string;
  prefix: string;
  include: string;
  headers: HeaderRow[];
}

export const NOTHING_SAID: Common = { baseUrl: "", prefix: "", include: "", headers: [] };

/** The object that is typed, null while it is none. */
export function readObject(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return isRecord(found) ? found : null;
  } catch {
    return null;
  }
}

/** Words between commas. */
export function words(text: string): string[] {
  return text.split(",").flatMap((word) => word.trim() || []);
}

export interface LookingProps {
  /** Asks the server: with `apply` it is done, without it only tells what would change. */
  ask: (apply: boolean) => Promise<Import>;
  /** Changes when something else is asked for: what was shown was of the old. */
  about: unknown;
  disabled: boolean;
  onDone: () => void;
  /** The fields. */
  children: ReactNode;
}

/** Fields, what would change by them, and the button that does it. */
export function Looking({ ask, about, disabled, onDone, children }: LookingProps) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const look = useMutation({ mutationFn: () => ask(false) });
  const take = useMutation({
    mutationFn: () => ask(true),
    onSuccess: async (done) => {
      await renew("/v1/capabilities", "/v1/capabilities/{name}", "/v1/capabilities/import/sources");
      toast.done(t("import.done", { added: done.added.length, changed: done.changed.length, removed: done.removed.length }));
      onDone();
    },
  });
  const { reset: forgetLook } = look;
  const { reset: forgetTake } = take;
  useEffect(() => {
    forgetLook();
    forgetTake();
  }, [about, forgetLook, forgetTake]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    look.mutate();
  };
  const found = look.data;
  const nothing = found !== undefined && found.added.length + found.changed.length + found.removed.length === 0;
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {children}
      <div>
        <Button type="submit" busy={look.isPending} disabled={disabled}>
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

export interface CommonFieldsProps {
  said: Common;
  /** Where the module is when nothing is said. */
  otherwise: string;
  set: (next: Partial<Common>) => void;
}

/** Where the module is, what its names begin with, what is taken of it, and what it wants to be told. */
export function CommonFields({ said, otherwise, set }: CommonFieldsProps) {
  const { t } = useTranslation("tasks");
  return (
    <>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("import.baseUrl")} hint={otherwise}>
          <Input type="url" dir="ltr" value={said.baseUrl} onChange={(event) => set({ baseUrl: event.target.value })} />
        </Field>
        <Field label={t("import.prefix")} hint={t("import.prefixHint")}>
          <Input dir="ltr" maxLength={60} value={said.prefix} onChange={(event) => set({ prefix: event.target.value })} />
        </Field>
        <Field label={t("import.include")} hint={t("import.includeHint")}>
          <Input dir="ltr" value={said.include} onChange={(event) => set({ include: event.target.value })} />
        </Field>
      </div>
      <HeaderRows rows={said.headers} onChange={(headers) => set({ headers })} />
    </>
  );
}

/** A document: pasted, or read from a file of this machine. */
export function DocumentField({ label, text, onChange }: { label: string; text: string; onChange: (text: string) => void }) {
  const { t } = useTranslation("tasks");
  const wrong = text.trim() !== "" && readObject(text) === null;
  return (
    <>
      <Field label={t("import.file")}>
        <Input
          type="file"
          accept=".json,application/json"
          className="py-1.5"
          onChange={(event) => void event.target.files?.[0]?.text().then(onChange)}
        />
      </Field>
      <Field label={label} error={wrong ? t("import.noObject") : undefined}>
        <Textarea required dir="ltr" rows={8} spellCheck={false} className="font-mono text-sm" value={text} onChange={(event) => onChange(event.target.value)} />
      </Field>
    </>
  );
}
