import { useMemo } from "react";
import { useTranslation } from "react-i18next";

/** Names of languages by their codes, in the language of the console. */
export function useLanguageName(): (code: string) => string {
  const { i18n } = useTranslation();
  return useMemo(() => {
    const names = new Intl.DisplayNames([i18n.language], { type: "language" });
    return (code) => {
      try {
        return names.of(code) ?? code;
      } catch {
        // What a recogniser calls a language need not be a tag that browsers know.
        return code;
      }
    };
  }, [i18n.language]);
}
