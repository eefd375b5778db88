import { useMutation } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Button, Checkbox, ErrorNotice, Field, IconButton, Input, Select, useToast } from "@/components";

import { useRenew, type Capability } from "../data";
import { HeaderRows } from "../importing/HeaderRows";
import { headersOf, type HeaderRow } from "../importing/headers";
import type { Registration } from "./Registrations";

const METHODS = ["POST", "GET", "PUT", "PATCH", "DELETE"] as const;

interface Path {
  name: string;
  method: (typeof METHODS)[number];
  there: string;
  here: string;
  summary: string;
}

interface Asked {
  name: string;
  baseUrl: string;
  raw: boolean;
  headers: HeaderRow[];
  paths: Path[];
}

const NEW_PATH: Path = { name: "", method: "POST", there: "", here: "", summary: "" };

function askedOf(one: Registration | null): Asked {
  if (!one) return { name: "", baseUrl: "", raw: false, headers: [], paths: [NEW_PATH] };
  return {
    name: one.name,
    baseUrl: one.base_url,
    raw: one.raw,
    headers: [],
    paths: one.routes.map((route) => ({
      name: route.name,
      method: route.method as Path["method"],
      there: route.upstream_path,
      here: route.gateway_path,
      summary: route.summary,
    })),
  };
}

/** Schemas that were given with the registration go with it again; others are read from the module's document. */
function givenOf(path: Path, one: Registration | null, capabilities: Map<string, Capability>): Partial<Schemas["GatewayRouteCreate"]> {
  const before = one?.routes.find((route) => route.name === path.name && route.schema_from === "given");
  const known = before && capabilities.get(before.capability);
  return known ? { input_schema: known.input_schema, output_schema: known.output_schema, examples: known.examples } : {};
}

function bodyOf(asked: Asked, given: (path: Path) => Partial<Schemas["GatewayRouteCreate"]>): Schemas["GatewayRegister"] {
  return {
    name: asked.name.trim(),
    base_url: asked.baseUrl.trim(),
    raw: asked.raw,
    headers: headersOf(asked.headers),
    routes: asked.paths.map((path) => ({
      ...given(path),
      name: path.name.trim(),
      method: path.method,
      upstream_path: path.there.trim(),
      gateway_path: path.here.trim() || undefined,
      summary: path.summary.trim(),
    })),
  };
}

export interface RegisterFormProps {
  /** What is there already; null = a new one. */
  one: Registration | null;
  capabilities: Map<string, Capability>;
  onDone: () => void;
}

/** Registers a module with paths of its own, or registers it anew. */
export default function RegisterForm({ one, capabilities, onDone }: RegisterFormProps) {
  const { t } = useTranslation("tasks");
  const toast = useToast();
  const renew = useRenew();
  const [asked, setAsked] = useState<Asked>(() => askedOf(one));
  const register = useMutation({
    mutationFn: () => api.post("/gateway/register", { body: bodyOf(asked, (path) => givenOf(path, one, capabilities)) }),
    onSuccess: async (done) => {
      toast.done(t("modules.done", { name: done.name, number: done.routes.length }));
      await renew("/gateway/registrations", "/v1/capabilities", "/v1/capabilities/{name}");
      onDone();
    },
  });
  const set = (next: Partial<Asked>): void => setAsked({ ...asked, ...next });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    register.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("capabilities.name")} hint={t("modules.nameHint")}>
          <Input
            required
            dir="ltr"
            disabled={one !== null}
            maxLength={60}
            pattern="[A-Za-z0-9][A-Za-z0-9_\-]*"
            placeholder="ai-math"
            value={asked.name}
            onChange={(event) => set({ name: event.target.value })}
          />
        </Field>
        <Field label={t("import.baseUrl")} hint={t("modules.baseUrlHint")}>
          <Input required type="url" dir="ltr" placeholder="http://127.0.0.1:8044" value={asked.baseUrl} onChange={(event) => set({ baseUrl: event.target.value })} />
        </Field>
      </div>
      <Paths paths={asked.paths} onChange={(paths) => set({ paths })} />
      <Checkbox label={t("modules.rawAnswers")} checked={asked.raw} onChange={(event) => set({ raw: event.target.checked })} />
      <HeaderRows rows={asked.headers} about={one ? t("headers.stay") : undefined} onChange={(headers) => set({ headers })} />
      {register.error && <ErrorNotice error={register.error} />}
      <div className="flex justify-end">
        <Button type="submit" look="primary" busy={register.isPending}>
          {t("modules.register")}
        </Button>
      </div>
    </form>
  );
}

function Paths({ paths, onChange }: { paths: Path[]; onChange: (paths: Path[]) => void }) {
  const { t } = useTranslation("tasks");
  const set = (at: number, next: Partial<Path>): void => onChange(paths.map((path, number) => (number === at ? { ...path, ...next } : path)));
  return (
    <fieldset className="flex min-w-0 flex-col gap-3">
      <legend className="mb-1 text-sm font-medium">{t("modules.pathsTitle")}</legend>
      {paths.map((path, number) => (
        <fieldset key={number} className="grid min-w-0 items-end gap-3 rounded-lg border border-line p-3 sm:grid-cols-2">
          <legend className="px-1 text-sm text-muted">{t("modules.path", { number: number + 1 })}</legend>
          <Field label={t("capabilities.name")}>
            <Input required dir="ltr" maxLength={60} pattern="[A-Za-z0-9][A-Za-z0-9_\-]*" placeholder="solve" value={path.name} onChange={(event) => set(number, { name: event.target.value })} />
          </Field>
          <Field label={t("edit.method")}>
            <Select
              choices={METHODS.map((value) => ({ value, label: value }))}
              value={path.method}
              onChange={(method) => set(number, { method: method as Path["method"] })}
            />
          </Field>
          <Field label={t("modules.there")}>
            <Input required dir="ltr" maxLength={500} pattern="/.*" placeholder="/solve" value={path.there} onChange={(event) => set(number, { there: event.target.value })} />
          </Field>
          <Field label={t("modules.here")}>
            <Input dir="ltr" maxLength={500} pattern="/.*" placeholder="/ai-math/solve" value={path.here} onChange={(event) => set(number, { here: event.target.value })} />
          </Field>
          <Field label={t("edit.fields.title")}>
            <Input maxLength={300} value={path.summary} onChange={(event) => set(number, { summary: event.target.value })} />
          </Field>
          <div className="flex justify-end">
            <IconButton
              icon={Trash2}
              label={t("modules.removePath", { number: number + 1 })}
              disabled={paths.length === 1}
              onClick={() => onChange(paths.filter((_, at) => at !== number))}
            />
          </div>
        </fieldset>
      ))}
      <div>
        <Button size="small" icon={Plus} onClick={() => onChange([...paths, NEW_PATH])}>
          {t("modules.addPath")}
        </Button>
      </div>
    </fieldset>
  );
}
