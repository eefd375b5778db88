/** What is wanted of new recordings: the fields of `POST /v1/process` that the console offers. */
export interface Wishes {
  /** ISO 639-1; "" = detected. */
  language: string;
  /** "" = auto. */
  recogniser: string;
  clean: boolean;
  /** Name or id; "" = no summary. */
  template: string;
  summaryLanguage: string;
  /** Language model; "" = the server's choice. */
  model: string;
  speakers: "no" | "voices" | "channels";
  /** How many speak; "" = not known. */
  count: string;
  wordTimes: boolean;
  /** Separated by commas. */
  vocabulary: string;
}

const KEPT = "roundhouse.audio.wishes";

const USUAL: Wishes = {
  language: "",
  recogniser: "",
  clean: true,
  template: "",
  summaryLanguage: "",
  model: "",
  speakers: "no",
  count: "",
  wordTimes: true,
  vocabulary: "",
};

/** What was wanted the last time; words are of one recording and are not kept. */
export function lastWishes(): Wishes {
  try {
    return { ...USUAL, ...(JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<Wishes>), vocabulary: "" };
  } catch {
    return USUAL;
  }
}

export function keepWishes(wishes: Wishes): void {
  localStorage.setItem(KEPT, JSON.stringify(wishes));
}

/** The form of one recording. */
export function formOf(sound: File | string, title: string, wishes: Wishes): FormData {
  const form = new FormData();
  // Fields first: what is wrong with them is told before the sound is read.
  form.append("features", "raw_transcript");
  if (wishes.clean) form.append("features", "clean_transcript");
  if (wishes.template) form.append("features", "summary");
  const fields: Record<string, string> = {
    title: title.trim(),
    language: wishes.language,
    asr_backend: wishes.recogniser,
    template_id: wishes.template,
    summary_language: wishes.template ? wishes.summaryLanguage : "",
    model: wishes.model,
    diarize: wishes.speakers === "voices" ? "true" : "",
    num_speakers: wishes.speakers === "voices" ? wishes.count : "",
    split_channels: wishes.speakers === "channels" ? "true" : "",
    word_timestamps: wishes.wordTimes ? "true" : "",
    vocabulary: wishes.vocabulary.trim(),
  };
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  if (typeof sound === "string") form.append("url", sound);
  else form.append("file", sound, sound.name);
  return form;
}
