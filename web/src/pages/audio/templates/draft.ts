import type { Schema } from "@/components/schema/schema";

import type { Template } from "../states";

/** A template while it is written. */
export interface Draft {
  name: string;
  title: string;
  description: string;
  schema: Schema;
  prompt: string;
  /** An object that fits the schema; null = there is none. */
  example: Record<string, unknown> | null;
}

export const EMPTY: Draft = {
  name: "",
  title: "",
  description: "",
  schema: {
    type: "object",
    properties: { summary: { type: "string", "x-fill": "summary" } },
    required: ["summary"],
    additionalProperties: false,
  },
  prompt: "",
  example: null,
};

export function draftOf(template: Template): Draft {
  const { name, title, description, prompt, example } = template;
  return {
    name,
    title,
    description,
    prompt,
    schema: template.schema as Schema,
    example: (example ?? null) as Draft["example"],
  };
}

/** A template of the house, to be written on under another name. */
export function copyOf(template: Template): Draft {
  return { ...draftOf(template), name: `${template.name}_2` };
}

export function same(one: Draft, other: Draft): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export const NAME = /^[a-z][a-z0-9_]{0,63}$/;
