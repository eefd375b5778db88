/** The console's languages; names as their speakers write them. */
export const LANGUAGES = {
  en: { name: "English", dir: "ltr" },
  vi: { name: "Tiếng Việt", dir: "ltr" },
  zh: { name: "中文", dir: "ltr" },
  he: { name: "עברית", dir: "rtl" },
} as const;

export type Language = keyof typeof LANGUAGES;

const CHOSEN = "roundhouse.language";

function known(tag: string): Language | null {
  const short = tag.toLowerCase().split("-")[0] ?? "";
  if (short === "iw") return "he";
  return short in LANGUAGES ? (short as Language) : null;
}

/** The language chosen before, else the first of the browser's that there is, else English. */
export function preferred(): Language {
  const chosen = known(localStorage.getItem(CHOSEN) ?? "");
  return chosen ?? navigator.languages.map(known).find((one) => one !== null) ?? "en";
}

export function remember(language: Language): void {
  localStorage.setItem(CHOSEN, language);
}
