import { useQuery } from "@tanstack/react-query";
import { LibraryBig } from "lucide-react";
import { useTranslation } from "react-i18next";

import { get } from "@/api/client";
import { useMay } from "@/api/me";
import { Async, Button, Checkbox, Popover } from "@/components";
import { useFormat } from "@/i18n/format";

/** As many as a session takes. */
const MOST_STORES = 20;

/** From which documents a session's answers are made. */
export function StorePicker({ chosen, onChange }: { chosen: string[]; onChange: (ids: string[]) => void }) {
  const { t } = useTranslation("chat");
  const { number } = useFormat();
  const may = useMay("knowledge:read");
  if (!may) return null;
  return (
    <Popover
      label={t("documents")}
      trigger={
        <Button
          size="small"
          look="ghost"
          className={chosen.length ? "min-h-10! text-accent!" : "min-h-10! text-muted!"}
          aria-label={t("documentsAre", { count: chosen.length })}
        >
          <LibraryBig aria-hidden className="size-4.5" />
          <span className="font-normal max-sm:hidden">{t("documents")}</span>
          {chosen.length > 0 && <span className="tabular-nums">{number(chosen.length)}</span>}
        </Button>
      }
    >
      <Stores chosen={chosen} onChange={onChange} />
    </Popover>
  );
}

function Stores({ chosen, onChange }: { chosen: string[]; onChange: (ids: string[]) => void }) {
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
