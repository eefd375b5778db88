import type { Schemas } from "@/api/client";

import { readValue, type Value } from "../values";

export const OPERATORS = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"] as const;
export type Operator = (typeof OPERATORS)[number];

/** A condition on an attribute of files, as it is filled in. */
export interface Condition {
  id: number;
  key: string;
  operator: Operator;
  value: string;
}

export type Mode = "hybrid" | "dense" | "lexical";

/** What a search is asked for, as it is filled in. */
export interface Filled {
  query: string;
  mode: Mode;
  limit: number;
  /** Cosine that a passage has at least, 0..1. */
  minSimilarity: number;
  /** Score that it has at least, 0..1. */
  threshold: number;
  ranker: string;
  /** 1 = by score alone; null = not asked for. */
  diversity: number | null;
  /** Whether a language model puts the query as one looks for it. */
  rewrite: boolean;
  conditions: Condition[];
}

export const EMPTY: Filled = {
  query: "",
  mode: "hybrid",
  limit: 10,
  minSimilarity: 0,
  threshold: 0,
  ranker: "auto",
  diversity: null,
  rewrite: false,
  conditions: [],
};

type Filter = { type: Operator; key: string; value: Value | Value[] } | { type: "and"; filters: Filter[] };

/** Conditions that all have to hold, in the API's form; null where there are none. */
export function filterOf(conditions: readonly Condition[]): Filter | null {
  const filters = conditions
    .filter((one) => one.key)
    .map(({ key, operator, value }): Filter => {
      const many = operator === "in" || operator === "nin";
      return { type: operator, key, value: many ? value.split(",").map(readValue) : readValue(value) };
    });
  return filters.length > 1 ? { type: "and", filters } : (filters[0] ?? null);
}

/** What is filled in as the API takes it; every score is asked for. */
export function bodyOf(filled: Filled): Schemas["SearchBody"] {
  return {
    query: filled.query.trim(),
    mode: filled.mode,
    max_num_results: filled.limit,
    // Words have no similarity: the server refuses one for them.
    min_similarity: filled.mode === "lexical" ? 0 : filled.minSimilarity,
    ranking_options: { ranker: filled.ranker, score_threshold: filled.threshold },
    diversity: filled.diversity,
    filters: filterOf(filled.conditions),
    rewrite_query: filled.rewrite,
    kinds: ["text", "image"],
    explain: true,
  };
}

/** How a passage came to its place, as `explain` tells it; null = it was not in that list. */
export interface Scores {
  similarity: number | null;
  dense: number | null;
  dense_rank: number | null;
  bm25: number | null;
  lexical: number | null;
  lexical_rank: number | null;
  alpha: number;
  fused: number;
  fused_rank: number;
  rerank: number | null;
  chunk_start: number | null;
  chunk_end: number | null;
}
