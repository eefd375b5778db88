import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api, type Schemas } from "@/api/client";
import { Field, Input, Select } from "@/components";

import { headersOf } from "./headers";
import { CommonFields, DocumentField, Looking, NOTHING_SAID, readObject, words, type Common } from "./looking";

interface Asked extends Common {
  way: "url" | "document";
  url: string;
  document: string;
}

function bodyOf(asked: Asked, apply: boolean): Schemas["OpenApiImport"] {
  const source = asked.way === "url" ? { url: asked.url.trim() } : { document: readObject(asked.document) ?? {} };
  return {
    ...source,
    base_url: asked.baseUrl.trim() || undefined,
    prefix: asked.prefix.trim(),
    include: words(asked.include),
    headers: headersOf(asked.headers),
    apply,
  };
}

/** Takes over the operations of an OpenAPI document. */
export default function OpenApiForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation("tasks");
  const [asked, setAsked] = useState<Asked>({ ...NOTHING_SAID, way: "url", url: "", document: "" });
  const set = (next: Partial<Asked>): void => setAsked({ ...asked, ...next });
  return (
    <Looking
      ask={(apply) => api.post("/v1/capabilities/import/openapi", { body: bodyOf(asked, apply) })}
      about={asked}
      disabled={asked.way === "document" && readObject(asked.document) === null}
      onDone={onDone}
    >
      <Field label={t("import.from")}>
        <Select
          value={asked.way}
          onChange={(way) => set({ way: way as Asked["way"] })}
          choices={[
            { value: "url", label: t("import.byUrl") },
            { value: "document", label: t("import.byDocument") },
          ]}
        />
      </Field>
      {asked.way === "url" ? (
        <Field label={t("import.url")} hint={t("import.urlHint")}>
          <Input required type="url" dir="ltr" placeholder="http://127.0.0.1:9001/openapi.json" value={asked.url} onChange={(event) => set({ url: event.target.value })} />
        </Field>
      ) : (
        <DocumentField label={t("import.document")} text={asked.document} onChange={(document) => set({ document })} />
      )}
      <CommonFields said={asked} otherwise={t("import.baseUrlHint")} set={set} />
    </Looking>
  );
}
