import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { get, type Schemas } from "@/api/client";
import { useMay } from "@/api/me";

export type Model = Schemas["ModelRead"];
export type Resident = Schemas["ResidentRead"];
export type Device = Schemas["BudgetRead"];
export type Alias = Schemas["AliasRead"];
export type Provider = Schemas["ProviderRead"];
export type Job = Schemas["JobRead"];

export const MIB = 1024 * 1024;
export const PULL_KIND = "model.pull";
/** How often the memory is looked at again while it is on the screen, in ms. */
const STATUS_MS = 3_000;

export const statusQuery = { ...get("/v1/models/status"), refetchInterval: STATUS_MS };
export const modelsQuery = get("/v1/models");
export const aliasesQuery = get("/v1/aliases");
export const providersQuery = get("/v1/providers");
export const pullsQuery = get("/v1/jobs", { query: { kind: PULL_KIND, limit: 10 } });

/** Ask anew for what a change may have touched. */
export function useRenew(): (...paths: string[]) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    async (...paths) => {
      await Promise.all(paths.map((path) => queries.invalidateQueries({ queryKey: [path] })));
    },
    [queries],
  );
}

/** The name that a client writes, e.g. `ollama/qwen3:4b`. */
export function fullName(resident: Resident): string {
  return `${resident.provider}/${resident.model_id}`;
}

/** Whether a name is one model of one provider, and no alias and not `auto`. */
export function isModel(model: Model): boolean {
  return Boolean(model.provider);
}

/** Kinds of providers whose models nobody loads from here; a `vllm` does without its sleep mode as well. */
const UNMANAGED = ["openai", "anthropic", "jina", "builtin", "espeak"];

/**
 * Says whether a model can be brought into memory from here. Who may not look at the providers is told so of every
 * model but the built-in ones; the server has the last word.
 */
export function useIsManaged(): (model: Model) => boolean {
  const mayLook = useMay("providers");
  const providers = useQuery({ ...providersQuery, enabled: mayLook });
  const unmanaged = new Set(
    providers.data?.data
      .filter((one) => UNMANAGED.includes(one.kind) || (one.kind === "vllm" && !one.options.sleep))
      .map((one) => one.name),
  );
  return (model) => Boolean(model.provider) && model.provider !== "roundhouse" && !unmanaged.has(model.provider ?? "");
}

/** The lines of a text that have something on them. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
