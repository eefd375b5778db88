import type { Schemas } from "@/api/client";
import { isRecord } from "@/components/schema/schema";

import type { Capability } from "../../data";
import { headersOf, type HeaderRow } from "../../importing/headers";
import { differences } from "../../json/differences";
import { readJson } from "../../json/places";

export const METHODS = ["POST", "GET", "PUT", "PATCH", "DELETE"];
export const BODIES = ["json", "form", "multipart", "none"] as const;
export const ANSWERS = ["auto", "json", "text", "file"] as const;

/** A capability as it is typed: JSON stays text until it is sent. */
export interface Draft {
  name: string;
  title: string;
  description: string;
  tags: string;
  labels: string;
  inputSchema: string;
  outputSchema: string;
  examples: string;
  timeoutS: string;
  costUnits: string;
  idempotent: boolean;
  visibility: Capability["visibility"];
  exposeMcp: boolean;
  enabled: boolean;
  kept: Capability["kept"];
  url: string;
  method: string;
  body: string;
  answer: string;
  /** What else its endpoint says: an object. */
  more: string;
  headers: HeaderRow[];
}

/** Texts of a draft that must be JSON, and of what kind. */
const JSON_FIELDS = {
  labels: "object",
  inputSchema: "object",
  outputSchema: "objectOrNothing",
  examples: "list",
  more: "object",
} as const satisfies Partial<Record<keyof Draft, string>>;

export type JsonField = keyof typeof JSON_FIELDS;

/** Fields of the draft by the names that the server has for them. */
const FIELDS: Record<string, keyof Draft> = {
  name: "name",
  title: "title",
  description: "description",
  tags: "tags",
  labels: "labels",
  input_schema: "inputSchema",
  output_schema: "outputSchema",
  examples: "examples",
  timeout_s: "timeoutS",
  cost_units: "costUnits",
  visibility: "visibility",
  headers: "headers",
};

/** The field that an error is about, by its `param`; undefined = none of them. */
export function fieldOf(param: string | null): keyof Draft | undefined {
  const [first = "", second] = (param ?? "").split(".");
  if (first !== "endpoint") return FIELDS[first];
  return second === undefined || second === "url" || second === "method" ? "url" : "more";
}

const FIRST_SCHEMA = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };

/** What a new one begins with. */
export function blankDraft(): Draft {
  return {
    name: "",
    title: "",
    description: "",
    tags: "",
    labels: "{}",
    inputSchema: written(FIRST_SCHEMA),
    outputSchema: "",
    examples: "[]",
    timeoutS: "60",
    costUnits: "1",
    idempotent: false,
    visibility: "site",
    exposeMcp: true,
    enabled: true,
    kept: "full",
    url: "",
    method: "POST",
    body: "json",
    answer: "auto",
    more: "{}",
    headers: [],
  };
}

/** One that is there, as it is typed. */
export function draftOf(one: Capability): Draft {
  const { url, method = "POST", body = "json", answer = "auto", ...more } = one.endpoint ?? {};
  return {
    name: one.name,
    title: one.title,
    description: one.description,
    tags: one.tags.join(", "),
    labels: written(one.labels),
    inputSchema: written(one.input_schema),
    outputSchema: one.output_schema === null ? "" : written(one.output_schema),
    examples: written(one.examples),
    timeoutS: String(one.timeout_s),
    costUnits: String(one.cost_units),
    idempotent: one.idempotent,
    visibility: one.visibility,
    exposeMcp: one.expose_mcp,
    enabled: one.enabled,
    kept: one.kept,
    url: String(url ?? ""),
    method: String(method),
    body: String(body),
    answer: String(answer),
    more: written(more),
    headers: [],
  };
}

/** Texts that are not the JSON that they must be. */
export function wrongIn(draft: Draft): JsonField[] {
  return (Object.keys(JSON_FIELDS) as JsonField[]).filter((field) => !fits(draft[field], JSON_FIELDS[field]));
}

function fits(text: string, kind: (typeof JSON_FIELDS)[JsonField]): boolean {
  if (kind === "objectOrNothing" && text.trim() === "") return true;
  const found = readJson(text);
  return found.ok && (kind === "list" ? Array.isArray(found.value) : isRecord(found.value));
}

type Sent = Pick<
  Schemas["CapabilityCreate"],
  | "title"
  | "description"
  | "tags"
  | "labels"
  | "input_schema"
  | "output_schema"
  | "examples"
  | "timeout_s"
  | "cost_units"
  | "idempotent"
  | "visibility"
  | "expose_mcp"
  | "enabled"
  | "kept"
  | "endpoint"
>;

/** What is sent of a draft whose texts are JSON; the endpoint of other ways than HTTP stays as it is. */
function sentOf(draft: Draft): Sent {
  return {
    title: draft.title.trim(),
    description: draft.description.trim(),
    tags: draft.tags.split(",").flatMap((tag) => tag.trim() || []),
    labels: JSON.parse(draft.labels),
    input_schema: JSON.parse(draft.inputSchema),
    output_schema: draft.outputSchema.trim() === "" ? null : JSON.parse(draft.outputSchema),
    examples: JSON.parse(draft.examples),
    timeout_s: Number(draft.timeoutS),
    cost_units: Number(draft.costUnits),
    idempotent: draft.idempotent,
    visibility: draft.visibility,
    expose_mcp: draft.exposeMcp,
    enabled: draft.enabled,
    kept: draft.kept,
    endpoint: endpointOf(draft),
  };
}

/** All of a new one; what the form does not ask for is as the server has it. */
export function newOf(draft: Draft): Schemas["CapabilityCreate"] {
  const headers = headersOf(draft.headers) ?? {};
  return { ...sentOf(draft), name: draft.name.trim(), transport: "http", headers } as Schemas["CapabilityCreate"];
}

/** What is other in a draft than in what it was made of; the endpoint is sent as a whole, for its version changes as one. */
export function changesOf(draft: Draft, one: Capability): Schemas["CapabilityPatch"] {
  const before = sentOf(draftOf(one));
  const after = sentOf(draft);
  const names = (Object.keys(after) as (keyof Sent)[]).filter((name) => differences(before[name], after[name]).length > 0);
  return { ...Object.fromEntries(names.map((name) => [name, after[name]])), headers: headersOf(draft.headers) };
}

function endpointOf(draft: Draft): Record<string, unknown> {
  return {
    url: draft.url.trim(),
    ...(draft.method === "POST" ? {} : { method: draft.method }),
    ...(draft.body === "json" ? {} : { body: draft.body }),
    ...(draft.answer === "auto" ? {} : { answer: draft.answer }),
    ...(JSON.parse(draft.more) as Record<string, unknown>),
  };
}

function written(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
