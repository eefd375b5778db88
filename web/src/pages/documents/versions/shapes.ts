/** What the store's own questions gave when a version was finished (`probe` of an index version). */
export interface Probe {
  questions: number;
  /** recall@10 of the version that was searched; null = it could not be asked. */
  before: number | null;
  after: number;
  lexical: number;
  /** What came of a copy; null = the vectors were made anew. */
  copied: { vectors: number; missing: number; different: number } | null;
  passed: boolean;
  at_s: number;
}

export interface Measured {
  /** What vectors count beside words, 0..1. */
  alpha: number;
  /** MRR@10 of vectors alone, and of words alone. */
  dense: number;
  lexical: number;
  questions: number;
}

/** What was measured of an index version (`calibration`). */
export interface Calibration extends Measured {
  passages: number;
  at_s: number;
  languages?: Record<string, Measured>;
}

export interface Failure {
  code: string;
  message: string;
}
