import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";
import { Button, Dialog, DialogClose, ErrorNotice, Field, Input, Select, Textarea } from "@/components";

import { linesOf, useRenew, type Provider } from "../data";

/** Kinds that the API can make (docs/providers.md), each with an address as an example. */
const EXAMPLES: Record<string, string> = {
  openai: "https://api.openai.com/v1",
  ollama: "http://127.0.0.1:11434",
  vllm: "http://127.0.0.1:8000/v1",
  anthropic: "https://api.anthropic.com",
  jina: "https://api.jina.ai/v1",
};

interface Filled {
  name: string;
  kind: string;
  url: string;
  key: string;
  models: string;
  options: string;
  concurrent: string;
  retries: string;
}

function filledFrom(provider: Provider | undefined): Filled {
  const options = provider && Object.keys(provider.options).length > 0 ? JSON.stringify(provider.options, null, 2) : "";
  return {
    name: provider?.name ?? "",
    kind: provider?.kind ?? "openai",
    url: provider?.url ?? "",
    key: "",
    models: provider?.models.join("\n") ?? "",
    options,
    concurrent: String(provider?.max_concurrent ?? 64),
    retries: String(provider?.retries ?? 1),
  };
}

/** The text as a JSON object; null = it is none. */
function objectOf(text: string): Record<string, unknown> | null {
  if (!text.trim()) return {};
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : null;
  } catch {
    // Said below the field, while it is typed.
    return null;
  }
}

async function save(filled: Filled, options: Record<string, unknown>, provider: Provider | undefined): Promise<Provider> {
  const { name, kind, key } = filled;
  const body = {
    url: filled.url.trim(),
    models: linesOf(filled.models),
    options,
    max_concurrent: Number(filled.concurrent),
    retries: Number(filled.retries),
  };
  if (provider) return api.patch("/v1/providers/{name}", { params: { name: provider.name }, body });
  const timeouts = { connect_s: 5, first_byte_s: 300, idle_s: 120, total_s: 1800 };
  return api.post("/v1/providers", { body: { ...body, name, kind, key: key.trim() || null, headers: {}, timeouts, max_waiting: 1024 } });
}

export interface ProviderFormProps {
  /** The one to change; without it one is added. */
  provider?: Provider;
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** Adds a provider, or changes one. */
export function ProviderForm({ provider, onClose, onSaved }: ProviderFormProps) {
  const { t } = useTranslation("models");
  const frame = useTranslation("frame").t;
  const renew = useRenew();
  const [filled, setFilled] = useState(() => filledFrom(provider));
  const set = (changes: Partial<Filled>): void => setFilled((now) => ({ ...now, ...changes }));
  const options = objectOf(filled.options);
  const saving = useMutation({
    mutationFn: () => save(filled, options ?? {}, provider),
    onSuccess: async (saved) => {
      await renew("/v1/providers", "/v1/models");
      onSaved(saved.name);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (options !== null) saving.mutate();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={provider ? t("providers.change", { name: provider.name }) : t("providers.add")}
      footer={
        <>
          <DialogClose asChild>
            <Button>{frame("cancel")}</Button>
          </DialogClose>
          <Button look="primary" type="submit" form="provider" busy={saving.isPending}>
            {t("providers.saveAndTest")}
          </Button>
        </>
      }
    >
      <form id="provider" onSubmit={submit} className="flex flex-col gap-4">
        {!provider && <Identity filled={filled} set={set} />}
        <Field label={t("providers.address")} hint={t(`kinds.${filled.kind}`, { defaultValue: filled.kind })}>
          <Input
            required
            type="url"
            dir="ltr"
            maxLength={2000}
            placeholder={EXAMPLES[filled.kind]}
            value={filled.url}
            onChange={(event) => set({ url: event.target.value })}
          />
        </Field>
        {!provider && (
          <Field label={t("providers.key")} hint={t("providers.keyHint")}>
            <Input type="password" dir="ltr" autoComplete="off" maxLength={4096} value={filled.key} onChange={(event) => set({ key: event.target.value })} />
          </Field>
        )}
        <details open={Boolean(provider) || filled.kind === "jina"}>
          <summary className="mb-3 cursor-pointer font-medium">{t("providers.further")}</summary>
          <Further filled={filled} set={set} wrong={options === null} />
        </details>
        {saving.error && <ErrorNotice error={saving.error} />}
      </form>
    </Dialog>
  );
}

interface PartProps {
  filled: Filled;
  set: (changes: Partial<Filled>) => void;
}

function Identity({ filled, set }: PartProps) {
  const { t } = useTranslation("models");
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Field label={t("providers.name")} hint={t("providers.nameHint")}>
        <Input required autoFocus dir="ltr" maxLength={64} pattern="[a-z0-9][a-z0-9_.\-]*" value={filled.name} onChange={(event) => set({ name: event.target.value })} />
      </Field>
      <Field label={t("providers.kind")}>
        <Select
          dir="ltr"
          value={filled.kind}
          onChange={(kind) => set({ kind })}
          choices={Object.keys(EXAMPLES).map((kind) => ({ value: kind, label: kind }))}
        />
      </Field>
    </div>
  );
}

function Further({ filled, set, wrong }: PartProps & { wrong: boolean }) {
  const { t } = useTranslation("models");
  return (
    <div className="flex flex-col gap-4">
      <Field label={t("providers.models")} hint={t("providers.modelsHint")}>
        <Textarea dir="ltr" rows={3} value={filled.models} onChange={(event) => set({ models: event.target.value })} />
      </Field>
      <Field label={t("providers.options")} hint={t("providers.optionsHint")} error={wrong && t("providers.noObject")}>
        <Textarea
          dir="ltr"
          rows={3}
          spellCheck={false}
          className="font-mono text-sm"
          placeholder="{}"
          value={filled.options}
          onChange={(event) => set({ options: event.target.value })}
        />
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("providers.concurrent")}>
          <Input required type="number" dir="ltr" min={1} max={100000} value={filled.concurrent} onChange={(event) => set({ concurrent: event.target.value })} />
        </Field>
        <Field label={t("providers.retries")}>
          <Input required type="number" dir="ltr" min={0} max={10} value={filled.retries} onChange={(event) => set({ retries: event.target.value })} />
        </Field>
      </div>
    </div>
  );
}
