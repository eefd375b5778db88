import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, pages, type Schemas } from "@/api/client";
import { useMe } from "@/api/me";
import {
  Async,
  Badge,
  Button,
  Checkbox,
  Confirm,
  CopyButton,
  Dialog,
  EmptyState,
  ErrorNotice,
  Field,
  Input,
  Pager,
  Table,
  useToast,
  type Column,
} from "@/components";
import { useFormat } from "@/i18n/format";

type Key = Schemas["KeyRead"];

/** Every scope, as the server names them (docs/access.md). */
const SCOPES = [
  "inference",
  "models:read",
  "models:write",
  "providers",
  "jobs:read",
  "jobs:write",
  "files:read",
  "files:write",
  "knowledge:read",
  "knowledge:write",
  "chats:read",
  "chats:write",
  "audio:read",
  "audio:write",
  "tasks",
  "capabilities",
  "flows",
  "human",
  "webhooks",
  "mcp",
  "usage:read",
  "keys",
  "audit:read",
  "ops",
  "admin",
] as const;

const STATUS = { active: "good", expired: "warn", revoked: "neutral" } as const;

/** Keys: who may do what, made and revoked here. */
export function Keys() {
  const { t } = useTranslation("system");
  const format = useFormat();
  const toast = useToast();
  const queries = useQueryClient();
  const keys = useInfiniteQuery(pages("/v1/keys", { query: { limit: 50 } }));
  const renew = (): Promise<void> => queries.invalidateQueries({ queryKey: ["/v1/keys"] });
  const revoke = async (key: Key): Promise<void> => {
    await api.delete("/v1/keys/{key_id}", { params: { key_id: key.id } });
    await renew();
    toast.done(t("keys.revoked", { name: key.name }));
  };
  const columns: Column<Key>[] = [
    {
      key: "name",
      header: t("keys.name"),
      cell: (key) => (
        <>
          <span className="font-medium">{key.name}</span>
          <br />
          <code className="text-xs text-muted">{key.id}</code>
        </>
      ),
    },
    { key: "status", header: t("keys.status"), cell: (key) => <Badge kind={STATUS[key.status]}>{t(`keys.states.${key.status}`)}</Badge> },
    { key: "site", header: t("keys.tenant"), cell: (key) => <bdi>{key.site_id}</bdi>, secondary: true },
    {
      key: "scopes",
      header: t("keys.scopes"),
      secondary: true,
      cell: (key) => (
        <span dir="ltr" className="flex max-w-72 flex-wrap gap-1">
          {key.scopes.map((scope) => (
            <Badge key={scope}>{scope}</Badge>
          ))}
        </span>
      ),
    },
    { key: "used", header: t("keys.used"), secondary: true, cell: (key) => (key.last_used_at ? format.ago(key.last_used_at) : t("keys.never")) },
    { key: "ends", header: t("keys.ends"), secondary: true, cell: (key) => (key.expires_at ? format.time(key.expires_at) : t("keys.never")) },
    {
      key: "revoke",
      header: <span className="sr-only">{t("keys.revoke")}</span>,
      align: "end",
      cell: (key) =>
        key.status === "active" && (
          <Confirm
            title={t("keys.revokeTitle", { name: key.name })}
            about={t("keys.revokeAbout")}
            action={t("keys.revoke")}
            onConfirm={() => revoke(key)}
            trigger={<Button size="small">{t("keys.revoke")}</Button>}
          />
        ),
    },
  ];
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-muted">{t("keys.about")}</p>
        <CreateKey onMade={() => void renew()} />
      </div>
      <Async query={keys}>
        {(data) => (
          <Table
            caption={t("keys.title")}
            columns={columns}
            rows={data.pages.flatMap((page) => page.data)}
            rowKey={(key) => key.id}
            empty={<EmptyState icon={KeyRound} title={t("keys.none")} />}
          />
        )}
      </Async>
      <Pager query={keys} />
    </section>
  );
}

function CreateKey({ onMade }: { onMade: () => void }) {
  const { t } = useTranslation("system");
  const frame = useTranslation("frame").t;
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const change = (next: boolean): void => {
    setOpen(next);
    if (!next) setMade(null);
  };
  const done = (key: string): void => {
    setMade(key);
    onMade();
  };
  return (
    <Dialog
      title={made === null ? t("keys.create") : t("keys.made")}
      about={made === null ? t("keys.createAbout") : t("keys.madeAbout")}
      open={open}
      onOpenChange={change}
      trigger={
        <Button look="primary" icon={Plus}>
          {t("keys.create")}
        </Button>
      }
      footer={made !== null && <Button onClick={() => change(false)}>{frame("close")}</Button>}
    >
      {made === null ? (
        <KeyForm onMade={done} />
      ) : (
        <div className="flex items-center gap-2 rounded-md bg-sunken p-3">
          <code className="min-w-0 flex-1 break-all" data-testid="made-key">
            {made}
          </code>
          <CopyButton text={made} />
        </div>
      )}
    </Dialog>
  );
}

function KeyForm({ onMade }: { onMade: (key: string) => void }) {
  const { t } = useTranslation("system");
  const me = useMe();
  const [name, setName] = useState("");
  const [site, setSite] = useState("");
  const [ends, setEnds] = useState("");
  const [rate, setRate] = useState("");
  const [scopes, setScopes] = useState<string[]>(["inference", "models:read"]);
  const admin = me.scopes.includes("admin");
  const create = useMutation({
    mutationFn: () =>
      api.post("/v1/keys", {
        body: {
          name: name.trim(),
          scopes: scopes as Schemas["KeyCreate"]["scopes"],
          site_id: site.trim() || null,
          expires_at: ends ? new Date(ends).toISOString() : null,
          requests_per_minute: rate ? Number(rate) : null,
          models: [],
          routes: [],
        },
      }),
    onSuccess: (answer) => onMade(answer.key),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate();
  };
  const toggle = (scope: string, on: boolean): void =>
    setScopes(on ? [...scopes, scope] : scopes.filter((one) => one !== scope));
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("keys.name")} hint={t("keys.nameHint")}>
        <Input required maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <fieldset>
        <legend className="mb-1 text-sm font-medium">{t("keys.scopes")}</legend>
        <div className="grid grid-cols-2 gap-x-4 sm:grid-cols-3">
          {SCOPES.filter((scope) => admin || me.scopes.includes(scope)).map((scope) => (
            <Checkbox
              key={scope}
              label={<code className="text-sm">{scope}</code>}
              checked={scopes.includes(scope)}
              onChange={(event) => toggle(scope, event.target.checked)}
            />
          ))}
        </div>
      </fieldset>
      <div className="grid gap-4 sm:grid-cols-2">
        {admin && (
          <Field label={t("keys.tenant")} hint={t("keys.tenantHint")}>
            <Input value={site} placeholder={me.site_id ?? ""} onChange={(event) => setSite(event.target.value)} />
          </Field>
        )}
        <Field label={t("keys.rate")} hint={t("keys.rateHint")}>
          <Input type="number" min={1} value={rate} onChange={(event) => setRate(event.target.value)} />
        </Field>
        <Field label={t("keys.ends")} hint={t("keys.endsHint")}>
          <Input type="datetime-local" value={ends} onChange={(event) => setEnds(event.target.value)} />
        </Field>
      </div>
      {create.error && <ErrorNotice error={create.error} />}
      <Button type="submit" look="primary" busy={create.isPending} className="self-end">
        {t("keys.create")}
      </Button>
    </form>
  );
}
