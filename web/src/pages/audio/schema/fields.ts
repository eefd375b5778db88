import { nodeOf, QUOTE, type Schema } from "@/components/schema/schema";

/** Kinds of fields that the editor offers; "other" is kept as it is and changed as JSON. */
export const KINDS = ["text", "texts", "number", "yes", "choice", "group", "records", "quote", "quotes"] as const;
export type Kind = (typeof KINDS)[number] | "other";

export function kindOf(part: Schema, root: Schema): Kind {
  const { schema, shape } = nodeOf(part, root);
  if (shape === "text" || shape === "yes" || shape === "choice" || shape === "quote") return shape;
  if (shape === "number" || shape === "integer") return "number";
  if (shape === "object") return "group";
  if (shape !== "list") return "other";
  const inner = nodeOf(schema.items, root).shape;
  return ({ text: "texts", object: "records", quote: "quotes" } as const)[inner as "text"] ?? "other";
}

const noFields = (): Schema => ({ type: "object", properties: {}, required: [], additionalProperties: false });

/** A field of this kind that says of itself what the old one said. */
export function ofKind(kind: Kind, old: Schema): Schema {
  const { title, description } = old;
  const said: Schema = { ...(title ? { title } : {}), ...(description ? { description } : {}) };
  switch (kind) {
    case "texts":
      return { type: "array", items: { type: "string" }, ...said };
    case "number":
      return { type: "number", ...said };
    case "yes":
      return { type: "boolean", ...said };
    case "choice":
      return { enum: [], ...said };
    case "group":
      return { ...noFields(), ...said };
    case "records":
      return { type: "array", items: noFields(), ...said };
    case "quote":
      return { anyOf: [QUOTE, { type: "null" }], ...said };
    case "quotes":
      return { type: "array", items: QUOTE, maxItems: 20, "x-fill": "quotes", ...said };
    case "other":
      return old;
    default:
      return { type: "string", ...said };
  }
}

/** Whether a field may be left empty. */
export function mayBeEmpty(part: Schema, root: Schema): boolean {
  const { schema, empty, shape } = nodeOf(part, root);
  return shape === "choice" ? (schema.enum ?? []).includes(null) : empty;
}

/** The field, as one that may be left empty, or not; only of plain values. */
export function withEmpty(part: Schema, empty: boolean): Schema {
  if (part.enum) {
    const rest = part.enum.filter((one) => one !== null);
    return { ...part, enum: empty ? [...rest, null] : rest };
  }
  const types = (Array.isArray(part.type) ? part.type : [part.type]).filter((one) => one !== undefined && one !== "null");
  const [first] = types as string[];
  return { ...part, type: empty ? [first ?? "string", "null"] : (first ?? "string") };
}

/** An object with these fields in this order; all of them must be there. */
export function withFields(schema: Schema, fields: [string, Schema][]): Schema {
  return { ...schema, properties: Object.fromEntries(fields), required: fields.map(([name]) => name) };
}
