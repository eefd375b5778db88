import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { Async, Checkbox } from "@/components";

/** As many as a session takes. */
const MOST_STORES = 20;

/** Collections of documents, to tick. */
export function StoreChoices({ chosen, onChange }: { chosen: string[]; onChange: (ids: string[]) => void }) {
  const { t } = useTranslation("chat");
  const query = useQuery(get("/v1/vector_stores", { query: { limit: 100 } }));
  return (
    <div className="flex w-80 max-w-full flex-col gap-1">
      <p className="text-sm text-muted">{t("documentsAbout")}</p>
      <Async query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <p className="py-2">{t("noDocuments")}</p>
          ) : (
            <ul className="max-h-72 overflow-y-auto">
              {data.map((store) => (
                <li key={store.id}>
                  <Checkbox
                    checked={chosen.includes(store.id)}
                    disabled={!chosen.includes(store.id) && chosen.length >= MOST_STORES}
                    onChange={(event) =>
                      onChange(event.target.checked ? [...chosen, store.id] : chosen.filter((one) => one !== store.id))
                    }
                    label={
                      <>
                        <bdi className="break-words">{store.name || store.id}</bdi>{" "}
                        <span className="text-sm text-muted">{t("filesIn", { count: store.file_counts.completed })}</span>
                      </>
                    }
                  />
                </li>
              ))}
            </ul>
          )
        }
      </Async>
    </div>
  );
}
