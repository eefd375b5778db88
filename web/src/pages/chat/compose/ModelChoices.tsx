import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { Check } from "lucide-react";
import { useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { get, type Schemas } from "@/api/client";
import { Async, Input } from "@/components";
import { useFormat } from "@/i18n/format";

type Model = Schemas["ModelRead"];

function chats(model: Model): boolean {
  const operations = model.operations ?? [];
  return operations.length === 0 || operations.includes("chat");
}

/** Models that chat, to choose one of; null = the server's own choice. */
export function ModelChoices({ chosen, onChoose }: { chosen: string | null; onChoose: (name: string | null) => void }) {
  const { t } = useTranslation("chat");
  const query = useQuery(get("/v1/models"));
  const [words, setWords] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const found = useMemo(() => {
    const wanted = words.trim().toLowerCase();
    return (query.data?.data ?? []).filter((one) => chats(one) && one.id.toLowerCase().includes(wanted));
  }, [query.data, words]);
  const move = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const entries = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = entries.indexOf(document.activeElement as HTMLButtonElement);
    entries[Math.min(entries.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  };
  return (
    <div className="flex w-80 max-w-full flex-col gap-2" onKeyDown={move}>
      <Input autoFocus type="search" aria-label={t("searchModel")} placeholder={t("searchModel")} value={words} onChange={(event) => setWords(event.target.value)} />
      <Async query={query}>
        {() => (
          <ul ref={list} className="flex max-h-80 flex-col overflow-y-auto">
            {!words && <Entry name={t("standardModel")} about={t("standardModelAbout")} on={chosen === null} onChoose={() => onChoose(null)} />}
            {found.map((one) => (
              <Entry key={one.id} name={one.id} about={<About model={one} />} on={one.id === chosen} onChoose={() => onChoose(one.id)} />
            ))}
            {words && found.length === 0 && <li className="p-2 text-muted">{t("noModel")}</li>}
          </ul>
        )}
      </Async>
    </div>
  );
}

function Entry({ name, about, on, onChoose }: { name: string; about: ReactNode; on: boolean; onChoose: () => void }) {
  return (
    <li>
      <button
        type="button"
        aria-pressed={on}
        onClick={onChoose}
        className={clsx("flex w-full items-start gap-2 rounded-md px-2 py-1.5 text-start hover:bg-sunken", on && "text-accent")}
      >
        <Check aria-hidden className={clsx("mt-0.5 size-4 shrink-0", !on && "invisible")} />
        <span className="min-w-0">
          <bdi className="block break-all">{name}</bdi>
          <span className="block text-sm text-muted">{about}</span>
        </span>
      </button>
    </li>
  );
}

/** What is known of a model, in one line. */
function About({ model }: { model: Model }) {
  const { t } = useTranslation("chat");
  const { number, bytes } = useFormat();
  const parts = [
    model.targets?.length ? t("aliasOf", { models: model.targets.join(", ") }) : null,
    model.parameters_b ? t("parameters", { number: number(model.parameters_b) }) : null,
    model.context_tokens ? t("context", { number: number(model.context_tokens) }) : null,
    model.size_bytes ? bytes(model.size_bytes) : null,
    model.inputs?.includes("image") ? t("seesPictures") : null,
  ];
  return <bdi>{parts.filter(Boolean).join(" · ") || model.owned_by}</bdi>;
}
