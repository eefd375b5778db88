/** What can be tried out here: operations as the API names them. */
export const TRIALS = ["chat", "embeddings", "transcriptions"] as const;

export type What = (typeof TRIALS)[number];

/** What is tried out, and with which model; null = the first that can. */
export interface Trial {
  what: What;
  model: string | null;
}
