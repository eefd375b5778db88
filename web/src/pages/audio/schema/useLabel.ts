import { useTranslation } from "react-i18next";

import { readable, type Schema } from "@/components/schema/schema";

/** What a field of a template is called: by its own title, as the house's are translated, else by its name. */
export function useLabel(): (name: string, schema?: Schema) => string {
  const { t, i18n } = useTranslation("audio");
  return (name, schema) => {
    if (schema?.title) return schema.title;
    return i18n.exists(`audio:fields.${name}`) ? t(`fields.${name}`) : readable(name);
  };
}
