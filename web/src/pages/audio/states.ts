import type { Schemas } from "@/api/client";

export type Recording = Schemas["RecordingRead"];
export type Whole = Schemas["RecordingWhole"];
export type Said = Schemas["SegmentRead"];
export type Template = Schemas["TemplateRead"];
export type Status = Recording["status"];

export const STATUSES: Status[] = ["PENDING", "PREPROCESSING", "PROCESSING_ASR", "PROCESSING_LLM", "COMPLETE", "FAILED"];

/** Languages that are offered by name; the recognisers know more, which the API takes by their codes. */
export const SPOKEN = ["en", "vi", "zh", "he", "ar", "de", "es", "fr", "hi", "id", "it", "ja", "ko", "pt", "ru", "th"];

/** Whether a job works on it, or will. */
export function isActive(recording: { status: Status }): boolean {
  return recording.status !== "COMPLETE" && recording.status !== "FAILED";
}

/** Stages of a job that this recording really goes through. */
export function stagesOf(recording: Recording): string[] {
  const options = recording.options as { features?: string[]; diarize?: boolean };
  const features = options.features ?? [];
  const cleans = features.some((name) => name !== "raw_transcript");
  const heard = recording.kind === "audio";
  return [
    ...(recording.source_url ? ["fetch"] : []),
    ...(heard ? ["prepare", "transcribe"] : []),
    ...(heard && options.diarize ? ["speakers"] : []),
    ...(cleans ? ["clean"] : []),
    ...(features.includes("summary") ? ["summarise"] : []),
  ];
}

/** A moment of a recording as players write it: 0:07, 12:30, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const tail = `${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"]);

/** In which direction a transcript in this language runs, times and names included; as the page where it is not known. */
export function directionOf(language: string | null): "ltr" | "rtl" | undefined {
  if (language === null) return undefined;
  return RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}
