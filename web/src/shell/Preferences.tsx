import { Languages, Monitor, Moon, Sun } from "lucide-react";
import { useTranslation } from "react-i18next";

import { Button, IconButton, Menu } from "@/components";
import { changeLanguage, LANGUAGES, type Language } from "@/i18n";
import { setTheme, useTheme, type Theme } from "@/lib/theme";

const ICONS = { system: Monitor, light: Sun, dark: Moon };

/** Language and theme. */
export function Preferences() {
  const { t, i18n } = useTranslation("frame");
  const theme = useTheme();
  const language = i18n.language as Language;
  return (
    <div className="flex items-center gap-1">
      <Menu
        label={t("language")}
        trigger={
          <Button look="ghost" icon={Languages} className="flex-1 justify-start! px-3">
            <span className="sr-only">{t("language")}: </span>
            {LANGUAGES[language].name}
          </Button>
        }
        items={(Object.keys(LANGUAGES) as Language[]).map((one) => ({
          label: <span lang={one}>{LANGUAGES[one].name}</span>,
          checked: one === language,
          onSelect: () => void changeLanguage(one),
        }))}
      />
      <Menu
        label={t("theme.label")}
        trigger={<IconButton icon={ICONS[theme]} label={t("theme.label")} />}
        items={(["system", "light", "dark"] as Theme[]).map((one) => ({
          label: t(`theme.${one}`),
          checked: one === theme,
          onSelect: () => setTheme(one),
        }))}
      />
    </div>
  );
}
