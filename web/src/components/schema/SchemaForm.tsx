import { Plus, Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { Button, Checkbox, Field, IconButton, Input, Select, Textarea } from "@/components";

import { blank, isRecord, nodeOf, readable, type Node, type Schema } from "./schema";

export interface SchemaFormProps {
  /** What it is called; "" = the whole. */
  name: string;
  part: Schema | undefined;
  root: Schema;
  value: unknown;
  /** Hide its name from the eye: one of a list. */
  bare?: boolean;
  /** It may be left out: what is emptied is undefined, and missing from the group round it. */
  optional?: boolean;
  /** What a field is called; by its title, else by its name, unless this says otherwise. */
  labelOf?: (name: string, schema?: Schema) => string;
  onChange: (value: unknown) => void;
}

const called = (name: string, schema?: Schema): string => schema?.title || readable(name);

/** A form made from a JSON Schema: a control for each field, lists that grow, groups inside groups. */
export function SchemaForm(props: SchemaFormProps) {
  const { name, part, root, value, optional, onChange, labelOf = called } = props;
  const node = nodeOf(part, root);
  switch (node.shape) {
    case "object":
    case "quote":
      // A group that names no fields takes any.
      if (node.schema.properties) return <Group {...props} value={isRecord(value) ? value : {}} />;
      return <JsonInput label={labelOf(name, node.schema)} about={aboutOf(node.schema)} value={value} optional={optional} onChange={onChange} />;
    case "list":
      return <Items {...props} value={Array.isArray(value) ? value : []} />;
    case "yes":
      return (
        <Checkbox
          label={labelOf(name, node.schema)}
          title={node.schema.description}
          checked={(value ?? node.schema.default) === true}
          onChange={(event) => onChange(event.target.checked)}
        />
      );
    case "choice":
      return <Choices {...props} node={node} />;
    case "number":
    case "integer":
    case "text":
      return <Plain {...props} node={node} />;
    default:
      return <JsonInput label={labelOf(name, node.schema)} about={aboutOf(node.schema)} value={value} optional={optional} onChange={onChange} />;
  }
}

function aboutOf(schema: Schema): ReactNode {
  return schema.description && <bdi>{schema.description}</bdi>;
}

function Choices({ name, value, bare, optional, onChange, labelOf = called, node }: SchemaFormProps & { node: Node }) {
  const { t } = useTranslation("frame");
  const choices = (node.schema.enum ?? []).map((one) => ({ value: JSON.stringify(one), label: one === null ? "–" : String(one) }));
  return (
    <Field label={labelOf(name, node.schema)} hint={aboutOf(node.schema)} bare={bare}>
      <Select
        choices={optional ? [{ value: "", label: t("form.unset") }, ...choices] : choices}
        value={value === undefined ? (optional ? "" : "null") : JSON.stringify(value)}
        onChange={(next) => onChange(next === "" ? undefined : JSON.parse(next))}
      />
    </Field>
  );
}

/** A text or a number. */
function Plain({ name, value, bare, optional, onChange, labelOf = called, node }: SchemaFormProps & { node: Node }) {
  const { schema, shape, empty } = node;
  const nothing = optional ? undefined : empty ? null : shape === "text" ? "" : 0;
  const standard = schema.default === undefined || schema.default === null ? undefined : String(schema.default);
  return (
    <Field label={labelOf(name, schema)} hint={aboutOf(schema)} bare={bare}>
      {shape === "text" ? (
        <Textarea
          rows={typeof value === "string" && value.length > 60 ? 3 : 1}
          placeholder={standard}
          value={typeof value === "string" ? value : ""}
          onChange={(event) => onChange(event.target.value === "" ? nothing : event.target.value)}
        />
      ) : (
        <Input
          type="number"
          step={shape === "integer" ? 1 : "any"}
          placeholder={standard}
          value={typeof value === "number" ? value : ""}
          onChange={(event) => onChange(event.target.value === "" ? nothing : Number(event.target.value))}
        />
      )}
    </Field>
  );
}

function Group({ name, part, root, value, onChange, labelOf = called }: SchemaFormProps & { value: Record<string, unknown> }) {
  const { schema } = nodeOf(part, root);
  const write = (inner: string, next: unknown): void => {
    const { [inner]: _, ...rest } = value;
    onChange(next === undefined ? rest : { ...value, [inner]: next });
  };
  const inside = Object.entries(schema.properties ?? {}).map(([inner, of]) => (
    <SchemaForm
      key={inner}
      name={inner}
      part={of}
      root={root}
      value={value[inner]}
      optional={!schema.required?.includes(inner)}
      labelOf={labelOf}
      onChange={(next) => write(inner, next)}
    />
  ));
  if (name === "") return <div className="flex flex-col gap-4">{inside}</div>;
  return (
    <fieldset className="flex min-w-0 flex-col gap-3 rounded-lg border border-line p-3">
      <legend className="px-1 text-sm font-medium">{labelOf(name, schema)}</legend>
      {inside}
    </fieldset>
  );
}

function Items({ name, part, root, value, optional, onChange, labelOf = called }: SchemaFormProps & { value: unknown[] }) {
  const { t } = useTranslation("frame");
  const { schema } = nodeOf(part, root);
  const label = labelOf(name, schema);
  return (
    <fieldset className="flex min-w-0 flex-col gap-2 rounded-lg border border-line p-3">
      <legend className="px-1 text-sm font-medium">{label}</legend>
      {schema.description && (
        <p className="text-sm text-muted">
          <bdi>{schema.description}</bdi>
        </p>
      )}
      {value.map((item, number) => (
        <div key={number} className="flex items-start gap-2">
          <div className="min-w-0 flex-1">
            <SchemaForm
              bare
              name={String(number + 1)}
              part={schema.items}
              root={root}
              value={item}
              labelOf={labelOf}
              onChange={(next) => onChange(value.map((one, at) => (at === number ? next : one)))}
            />
          </div>
          <IconButton
            icon={Trash2}
            size="small"
            label={t("form.removeItem", { name: label, number: number + 1 })}
            onClick={() => {
              const rest = value.filter((_, at) => at !== number);
              onChange(rest.length === 0 && optional ? undefined : rest);
            }}
          />
        </div>
      ))}
      <div>
        <Button size="small" icon={Plus} onClick={() => onChange([...value, blank(schema.items, root)])}>
          {t("form.addItem", { name: label })}
        </Button>
      </div>
    </fieldset>
  );
}

export interface JsonInputProps {
  label: string;
  about?: ReactNode;
  value: unknown;
  rows?: number;
  disabled?: boolean;
  /** An empty text is undefined. */
  optional?: boolean;
  onChange: (value: unknown) => void;
}

/** JSON as text, taken over while it can be read. */
export function JsonInput({ label, about, value, rows = 4, disabled, optional, onChange }: JsonInputProps) {
  const { t } = useTranslation("frame");
  const [typed, setTyped] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  return (
    <Field label={label} hint={about} error={wrong ? t("form.noJson") : undefined}>
      <Textarea
        dir="ltr"
        spellCheck={false}
        disabled={disabled}
        rows={rows}
        className="font-mono text-sm"
        value={typed ?? (value === undefined ? "" : JSON.stringify(value, null, 2))}
        onChange={(event) => {
          setTyped(event.target.value);
          try {
            const read: unknown = optional && event.target.value.trim() === "" ? undefined : JSON.parse(event.target.value);
            setWrong(false);
            onChange(read);
          } catch {
            // Half of it is typed.
            setWrong(true);
          }
        }}
        onBlur={() => !wrong && setTyped(null)}
      />
    </Field>
  );
}
