import type { Said, Whole } from "../states";

export interface TimedWord {
  start_s: number;
  end_s: number;
  text: string;
  probability: number | null;
}

/** One line of a transcript as it is shown: a segment as it was heard, or a paragraph of the clean text. */
export interface Line {
  key: string;
  startS: number | null;
  endS: number | null;
  speaker: string | null;
  text: string;
  words: TimedWord[];
  /** The segment, where it is one: it can be corrected. */
  said: Said | null;
  /** Who wrote a paragraph: the language model, or the rules. */
  by: string | null;
}

export function rawLines(segments: readonly Said[]): Line[] {
  return segments.map((said) => ({
    key: String(said.number),
    startS: said.start_s,
    endS: said.end_s,
    speaker: said.speaker,
    text: said.text,
    // Times of what was heard say nothing of what somebody wrote instead.
    words: said.heard === null ? (said.words as unknown as TimedWord[]) : [],
    said,
    by: null,
  }));
}

export function cleanLines(recording: Whole): Line[] {
  return (recording.paragraphs ?? []).map((one, number) => ({
    key: `p${number}`,
    startS: one.start_s,
    endS: one.end_s,
    speaker: one.speaker,
    text: one.text,
    words: [],
    said: null,
    by: one.by,
  }));
}

/** Speakers in the order in which they are first heard. */
export function speakersOf(segments: readonly Said[]): string[] {
  return [...new Set(segments.map((one) => one.speaker).filter((one) => one !== null))];
}
