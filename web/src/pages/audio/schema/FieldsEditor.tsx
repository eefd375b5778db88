import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, Checkbox, Field, IconButton, Input, Select } from "@/components";
import { nodeOf, type Schema } from "@/components/schema/schema";

import { KINDS, kindOf, mayBeEmpty, ofKind, withEmpty, withFields, type Kind } from "./fields";

export interface FieldsEditorProps {
  /** Of an object. */
  schema: Schema;
  root: Schema;
  onChange: (schema: Schema) => void;
  disabled: boolean;
}

/** The fields of an object, each with its kind and what it is for; groups have fields of their own. */
export function FieldsEditor({ schema, root, onChange, disabled }: FieldsEditorProps) {
  const { t } = useTranslation("audio");
  const fields = Object.entries(schema.properties ?? {});
  const write = (next: [string, Schema][]): void => onChange(withFields(schema, next));
  const add = (): void => {
    let number = fields.length + 1;
    while (fields.some(([name]) => name === `field_${number}`)) number += 1;
    write([...fields, [`field_${number}`, { type: "string" }]]);
  };
  const move = (from: number, to: number): void => {
    const next = [...fields];
    next.splice(to, 0, ...next.splice(from, 1));
    write(next);
  };
  return (
    <div className="flex flex-col gap-3">
      {fields.length === 0 && <p className="text-sm text-muted">{t("editor.noFields")}</p>}
      {fields.map(([name, part], number) => (
        // By place: a field that is renamed stays the same row, and keeps the cursor.
        <FieldRow
          key={number}
          name={name}
          part={part}
          root={root}
          disabled={disabled}
          taken={fields.map(([one]) => one)}
          onChange={(newName, newPart) => write(fields.map((one, at) => (at === number ? [newName, newPart] : one)))}
          onRemove={() => write(fields.filter((_, at) => at !== number))}
          onUp={number > 0 ? () => move(number, number - 1) : null}
          onDown={number < fields.length - 1 ? () => move(number, number + 1) : null}
        />
      ))}
      {!disabled && (
        <div>
          <Button size="small" icon={Plus} onClick={add}>
            {t("editor.addField")}
          </Button>
        </div>
      )}
    </div>
  );
}

interface FieldRowProps {
  name: string;
  part: Schema;
  root: Schema;
  disabled: boolean;
  taken: string[];
  onChange: (name: string, part: Schema) => void;
  onRemove: () => void;
  onUp: (() => void) | null;
  onDown: (() => void) | null;
}

function FieldRow({ name, part, root, disabled, taken, onChange, onRemove, onUp, onDown }: FieldRowProps) {
  const { t } = useTranslation("audio");
  const kind = kindOf(part, root);
  const plain = kind === "text" || kind === "number" || kind === "choice" || kind === "yes";
  const kinds = [...KINDS, ...(kind === "other" ? (["other"] as const) : [])];
  const inner = nodeOf(part, root).schema;
  const set = (next: Schema): void => onChange(name, next);
  return (
    <fieldset className="min-w-0 rounded-lg border border-line bg-surface p-3">
      <legend className="sr-only">{name}</legend>
      <div className="flex flex-wrap items-end gap-2">
        <NameInput name={name} taken={taken} disabled={disabled} onChange={(next) => onChange(next, part)} />
        <Field label={t("editor.kind")} className="w-44 max-sm:flex-1">
          <Select
            disabled={disabled}
            choices={kinds.map((value) => ({ value, label: t(`kinds.${value}`) }))}
            value={kind}
            onChange={(next) => set(ofKind(next as Kind, part))}
          />
        </Field>
        <div className="flex">
          <IconButton icon={ArrowUp} size="small" label={t("editor.up", { name })} disabled={disabled || !onUp} onClick={onUp ?? undefined} />
          <IconButton icon={ArrowDown} size="small" label={t("editor.down", { name })} disabled={disabled || !onDown} onClick={onDown ?? undefined} />
          <IconButton icon={Trash2} size="small" label={t("editor.remove", { name })} disabled={disabled} onClick={onRemove} />
        </div>
      </div>
      <div className="mt-2 flex flex-wrap items-end gap-x-4 gap-y-2">
        <Field label={t("editor.fieldAbout")} className="min-w-48 flex-1">
          <Input
            disabled={disabled}
            placeholder={t("editor.fieldAboutHint")}
            value={part.description ?? ""}
            onChange={(event) => set({ ...part, description: event.target.value || undefined })}
          />
        </Field>
        {plain && (
          <Checkbox
            className="min-h-10"
            disabled={disabled}
            label={t("editor.mayBeEmpty")}
            checked={mayBeEmpty(part, root)}
            onChange={(event) => set(withEmpty(inner, event.target.checked))}
          />
        )}
      </div>
      {kind === "choice" && <Options part={inner} disabled={disabled} onChange={set} />}
      {kind === "group" && <Inside schema={inner} root={root} disabled={disabled} onChange={set} />}
      {kind === "records" && (
        <Inside
          schema={nodeOf(inner.items, root).schema}
          root={root}
          disabled={disabled}
          onChange={(items) => set({ ...inner, items })}
        />
      )}
    </fieldset>
  );
}

function Inside(props: FieldsEditorProps) {
  return (
    <div className="mt-3 border-s-2 border-line ps-3">
      <FieldsEditor {...props} />
    </div>
  );
}

/** A name is taken over when it is a new one: two fields of the same name would be one. */
function NameInput({ name, taken, disabled, onChange }: { name: string; taken: string[]; disabled: boolean; onChange: (name: string) => void }) {
  const { t } = useTranslation("audio");
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? name;
  const wrong = shown.trim() === "" || (shown !== name && taken.includes(shown));
  return (
    <Field label={t("editor.fieldName")} error={typed !== null && wrong ? t("editor.nameTaken") : undefined} className="min-w-36 flex-1 max-sm:basis-full">
      <Input
        dir="ltr"
        disabled={disabled}
        value={shown}
        onChange={(event) => {
          const next = event.target.value;
          setTyped(next);
          if (next.trim() && !taken.includes(next)) onChange(next);
        }}
        onBlur={() => setTyped(null)}
      />
    </Field>
  );
}

function Options({ part, disabled, onChange }: { part: Schema; disabled: boolean; onChange: (part: Schema) => void }) {
  const { t } = useTranslation("audio");
  const options = (part.enum ?? []).filter((one) => one !== null);
  const empty = (part.enum ?? []).includes(null);
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <Field label={t("editor.options")} hint={t("editor.optionsHint")} className="mt-2">
      <Input
        disabled={disabled}
        value={typed ?? options.join(", ")}
        onChange={(event) => {
          setTyped(event.target.value);
          const named = [...new Set(event.target.value.split(",").map((one) => one.trim()).filter(Boolean))];
          onChange({ ...part, enum: empty ? [...named, null] : named });
        }}
        onBlur={() => setTyped(null)}
      />
    </Field>
  );
}
