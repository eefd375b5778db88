/** The part of JSON Schema (2020-12) that forms are made of. */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  "x-quote"?: boolean;
  "x-fill"?: string;
  [key: string]: unknown;
}

export type Shape = "text" | "number" | "integer" | "yes" | "choice" | "list" | "object" | "quote" | "other";

const DEEPEST = 24;

/** A part of a schema without references and without "or nothing": what there is to show or fill in. */
export interface Node {
  schema: Schema;
  shape: Shape;
  /** It may be null. */
  empty: boolean;
}

/** What a part of a schema describes; `root` holds what references lead to. */
export function nodeOf(part: Schema | undefined, root: Schema, depth = 0): Node {
  if (!part || depth > DEEPEST) return { schema: {}, shape: "other", empty: true };
  if (part.$ref) {
    const { $ref, ...beside } = part;
    const found = pointed($ref, root);
    return nodeOf(found && { ...found, ...beside }, root, depth + 1);
  }
  const options = part.anyOf ?? part.oneOf;
  if (options) {
    const rest = options.filter((one) => one.type !== "null");
    if (rest.length !== 1) return { schema: part, shape: "other", empty: rest.length < options.length };
    const { anyOf: _, oneOf: __, ...beside } = part;
    return { ...nodeOf({ ...rest[0]!, ...beside }, root, depth + 1), empty: rest.length < options.length };
  }
  const types = Array.isArray(part.type) ? part.type : part.type ? [part.type] : [];
  const kinds = types.filter((one) => one !== "null");
  return { schema: part, shape: shapeOf(part, kinds), empty: kinds.length < types.length };
}

/** What a local reference leads to. */
function pointed(ref: string, root: Schema): Schema | undefined {
  const names = ref.replace(/^#\/?/, "").split("/").filter(Boolean);
  const found = names.reduce<unknown>(
    (now, name) => (isRecord(now) ? now[decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~")] : undefined),
    root,
  );
  return isRecord(found) ? found : undefined;
}

function shapeOf(part: Schema, kinds: string[]): Shape {
  if (part["x-quote"]) return "quote";
  if (part.enum) return "choice";
  if (kinds.length !== 1) return "other";
  const shapes: Record<string, Shape> = {
    string: "text",
    number: "number",
    integer: "integer",
    boolean: "yes",
    array: "list",
    object: "object",
  };
  return shapes[kinds[0]!] ?? "other";
}

/** A value that a form begins with. */
export function blank(part: Schema | undefined, root: Schema): unknown {
  const { schema, shape, empty } = nodeOf(part, root);
  if (shape === "choice") return empty ? null : (schema.enum?.[0] ?? null);
  if (empty) return null;
  if (shape === "text") return "";
  if (shape === "list") return [];
  if (shape === "yes") return false;
  if (shape === "number" || shape === "integer") return 0;
  if (shape === "quote" || shape === "object") {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, blank(inner, root)]));
  }
  return null;
}

/** A value that a form of something with optional fields begins with: those that must be there, and no more. */
export function least(part: Schema | undefined, root: Schema): unknown {
  const { schema, shape } = nodeOf(part, root);
  if (shape !== "object") return blank(part, root);
  const needed = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name));
  return Object.fromEntries(needed.map(([name, inner]) => [name, inner.default ?? least(inner, root)]));
}

/** "action_items" as people read it: "Action items". */
export function readable(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const QUOTE: Schema = {
  type: "object",
  "x-quote": true,
  properties: {
    text: { type: "string" },
    start_s: { type: ["number", "null"] },
    end_s: { type: ["number", "null"] },
    speaker: { type: ["string", "null"] },
  },
  required: ["text", "start_s", "end_s", "speaker"],
  additionalProperties: false,
};

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
