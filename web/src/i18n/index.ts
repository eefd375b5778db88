import i18next from "i18next";
import { initReactI18next } from "react-i18next";

import { LANGUAGES, preferred, remember, type Language } from "./languages";

export { LANGUAGES, type Language } from "./languages";

type Strings = Record<string, unknown>;

/** The frame's strings, and those of each room: one small file a language, loaded when it is first needed. */
const frame = import.meta.glob<Strings>("../locales/*.json", { import: "default" });
const rooms = import.meta.glob<Strings>("../pages/*/locales/*.json", { import: "default" });

const namespaces = new Set<string>();

function loader(language: Language, namespace: string): (() => Promise<Strings>) | undefined {
  return namespace === "frame"
    ? frame[`../locales/${language}.json`]
    : rooms[`../pages/${namespace}/locales/${language}.json`];
}

async function load(language: Language, namespace: string): Promise<void> {
  if (i18next.hasResourceBundle(language, namespace)) return;
  const strings = await loader(language, namespace)?.();
  if (strings) i18next.addResourceBundle(language, namespace, strings);
}

/** Make the strings of a room ready in the language of now: before its page is shown. */
export async function loadRoom(room: string): Promise<void> {
  namespaces.add(room);
  await load(i18next.language as Language, room);
}

/** Change the language of everything on the page, and its direction. */
export async function changeLanguage(language: Language): Promise<void> {
  await Promise.all([...namespaces].map((namespace) => load(language, namespace)));
  await i18next.changeLanguage(language);
  remember(language);
}

function show(language: string): void {
  document.documentElement.lang = language;
  document.documentElement.dir = LANGUAGES[language as Language].dir;
}

/** Prepare the translations before anything is drawn. */
export async function startI18n(): Promise<void> {
  const language = preferred();
  i18next.on("languageChanged", show);
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    defaultNS: "frame",
    ns: [],
    resources: {},
    interpolation: { escapeValue: false },
    returnNull: false,
    showSupportNotice: false,
    saveMissing: true,
    saveMissingTo: "current",
    // Seen by the browser tests, which take no error in the console.
    missingKeyHandler: (languages, namespace, key) => console.error(`No string ${namespace}:${key} in ${languages.join()}`),
  });
  namespaces.add("frame");
  await load(language, "frame");
  show(language);
}
