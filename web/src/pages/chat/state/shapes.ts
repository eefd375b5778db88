import type { Schemas } from "@/api/client";

export type Session = Schemas["SessionRead"];
export type Message = Schemas["MessageRead"];
export type Generation = Schemas["GenerationRead"];

/** A passage that an answer cites (`citations` of a message). */
export interface Citation {
  number: number;
  passage_id: string;
  vector_store_id: string;
  file_id: string;
  filename: string;
  page: number | null;
  headings: string[];
  /** Characters of the document's whole text. */
  start: number;
  end: number;
  text: string;
  quotes: { text: string; start: number; end: number }[];
  score: number;
}

/** Why an answer came from the model it came from (`metadata.decision` of a message). */
export interface Decision {
  requested: string;
  target: string;
  /** `direct`, `alias`, or `auto: …`. */
  reason: string;
  attempts: { target: string; error: string | null; duration_ms: number }[];
  cache: "hit" | "miss" | "off";
  queued_ms: number;
}

/** How a session's documents bore on an answer (`metadata.knowledge`). */
export interface Knowledge {
  found?: boolean;
  unsupported?: { sentence: string }[];
  warnings?: string[];
}

export function citationsOf(message: Message): Citation[] {
  return message.citations as unknown as Citation[];
}

export function decisionOf(message: Message): Decision | null {
  return (message.metadata.decision as Decision | undefined) ?? null;
}

export function knowledgeOf(message: Message): Knowledge | null {
  return (message.metadata.knowledge as Knowledge | undefined) ?? null;
}
