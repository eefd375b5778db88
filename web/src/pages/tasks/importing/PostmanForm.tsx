import { useState } from "react";
import { useTranslation } from "react-i18next";

import { api } from "@/api/client";

import { headersOf } from "./headers";
import { CommonFields, DocumentField, Looking, NOTHING_SAID, readObject, words, type Common } from "./looking";

interface Asked extends Common {
  collection: string;
}

/** Takes over the requests of a Postman collection. */
export default function PostmanForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation("tasks");
  const [asked, setAsked] = useState<Asked>({ ...NOTHING_SAID, collection: "" });
  const set = (next: Partial<Asked>): void => setAsked({ ...asked, ...next });
  const collection = readObject(asked.collection);
  return (
    <Looking
      ask={(apply) =>
        api.post("/v1/capabilities/import/postman", {
          body: {
            collection: collection ?? {},
            base_url: asked.baseUrl.trim() || undefined,
            prefix: asked.prefix.trim(),
            include: words(asked.include),
            headers: headersOf(asked.headers),
            apply,
          },
        })
      }
      about={asked}
      disabled={collection === null}
      onDone={onDone}
    >
      <DocumentField label={t("postman.collection")} text={asked.collection} onChange={(text) => set({ collection: text })} />
      <CommonFields said={asked} otherwise={t("postman.baseUrlHint")} set={set} />
    </Looking>
  );
}
