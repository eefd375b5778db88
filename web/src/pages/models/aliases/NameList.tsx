import { ArrowDown, ArrowUp, X } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, Field, IconButton, Input } from "@/components";

export interface NameListProps {
  label: string;
  hint: string;
  /** Names offered while one types; others are taken as well. */
  known: string[];
  names: string[];
  onChange: (names: string[]) => void;
}

/** Names of models in an order that one can change. */
export function NameList({ label, hint, known, names, onChange }: NameListProps) {
  const { t } = useTranslation("models");
  const id = useId();
  const [typed, setTyped] = useState("");
  const name = typed.trim();
  const add = (): void => {
    if (name && !names.includes(name)) onChange([...names, name]);
    setTyped("");
  };
  const swap = (index: number): void =>
    onChange(names.map((one, place) => (place === index ? names[index + 1]! : place === index + 1 ? names[index]! : one)));
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-end gap-2">
        <Field label={label} hint={hint} className="flex-1">
          <div className="flex gap-2">
            <Input
              dir="ltr"
              list={id}
              maxLength={200}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" || !name) return;
                event.preventDefault();
                add();
              }}
            />
            <Button disabled={!name} onClick={add} aria-label={t("aliases.addTo", { list: label })}>
              {t("add")}
            </Button>
          </div>
        </Field>
        <datalist id={id}>
          {known
            .filter((one) => !names.includes(one))
            .map((one) => (
              <option key={one} value={one} />
            ))}
        </datalist>
      </div>
      {names.length > 0 && (
        <ol aria-label={label} className="divide-y divide-line rounded-md border border-line">
          {names.map((one, index) => (
            <li key={one} className="flex items-center gap-1 ps-3">
              <span aria-hidden className="text-sm text-muted tabular-nums">
                {index + 1}
              </span>
              <bdi className="min-w-0 flex-1 ps-2 break-all">{one}</bdi>
              <IconButton size="small" icon={ArrowUp} label={t("aliases.up", { name: one })} disabled={index === 0} onClick={() => swap(index - 1)} />
              <IconButton
                size="small"
                icon={ArrowDown}
                label={t("aliases.down", { name: one })}
                disabled={index === names.length - 1}
                onClick={() => swap(index)}
              />
              <IconButton size="small" icon={X} label={t("aliases.take", { name: one })} onClick={() => onChange(names.filter((other) => other !== one))} />
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
