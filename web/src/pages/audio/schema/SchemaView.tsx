import clsx from "clsx";
import { Check, Minus, Play, Quote } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useFormat } from "@/i18n/format";
import { isRecord, nodeOf, type Schema, type Shape } from "@/components/schema/schema";

import { useSound } from "../one/playback";
import { clock } from "../states";
import { useLabel } from "./useLabel";

export interface SchemaViewProps {
  value: unknown;
  /** What it fits; without it each value is shown as what it is. */
  schema: Schema;
}

/** An object that fits a template, as cards: one for each of its fields. */
export function SchemaView({ value, schema }: SchemaViewProps) {
  const { t } = useTranslation("audio");
  const label = useLabel();
  const node = nodeOf(schema, schema);
  if (!isRecord(value)) return <Value value={value} part={schema} root={schema} />;
  const names = namesOf(value, node.schema);
  const empty = names.filter((name) => isEmpty(value[name]));
  return (
    <div className="grid gap-3 md:grid-cols-2">
      {names.filter((name) => !empty.includes(name)).map((name) => {
        const part = node.schema.properties?.[name];
        return (
          <section
            key={name}
            className={clsx("min-w-0 rounded-lg border border-line bg-surface p-4", isWide(value[name], part, schema) && "md:col-span-2")}
          >
            <h3 dir="auto" className="mb-1.5 text-sm font-semibold text-muted" title={part?.description}>
              {label(name, part)}
            </h3>
            <Value value={value[name]} part={part} root={schema} />
          </section>
        );
      })}
      {empty.length > 0 && (
        <p className="text-sm text-muted md:col-span-2">
          {t("summary.empty", { names: empty.map((name) => label(name, node.schema.properties?.[name])).join(", ") })}
        </p>
      )}
    </div>
  );
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Fields in the order of the schema, then what it does not name. */
function namesOf(value: Record<string, unknown>, schema: Schema): string[] {
  const known = Object.keys(schema.properties ?? {}).filter((name) => name in value);
  return [...known, ...Object.keys(value).filter((name) => !known.includes(name))];
}

const LONG_CHARS = 160;

function isWide(value: unknown, part: Schema | undefined, root: Schema): boolean {
  const { schema, shape } = nodeOf(part, root);
  if (typeof value === "string") return value.length > LONG_CHARS;
  if (shape === "object") return true;
  const inner = nodeOf(schema.items, root).shape;
  return Array.isArray(value) && value.length > 0 && (inner === "object" || inner === "quote");
}

function shown(value: unknown, part: Schema | undefined, root: Schema): Shape {
  const { shape } = nodeOf(part, root);
  if (shape !== "other") return shape;
  if (Array.isArray(value)) return "list";
  if (isRecord(value)) return "object";
  if (typeof value === "boolean") return "yes";
  return typeof value === "number" ? "number" : "text";
}

function Value({ value, part, root }: { value: unknown; part: Schema | undefined; root: Schema }): ReactNode {
  const { t } = useTranslation("audio");
  const format = useFormat();
  if (isEmpty(value)) return <span className="text-muted">{t("summary.nothing")}</span>;
  const { schema } = nodeOf(part, root);
  switch (shown(value, part, root)) {
    case "quote":
      return isRecord(value) ? <QuoteView quote={value} /> : String(value);
    case "list":
      return Array.isArray(value) ? <List items={value} part={schema.items} root={root} /> : String(value);
    case "object":
      return isRecord(value) ? <Fields value={value} schema={schema} root={root} /> : String(value);
    case "yes":
      return value === true ? (
        <Check role="img" aria-label={t("summary.yes")} className="size-5 text-good" />
      ) : (
        <Minus role="img" aria-label={t("summary.no")} className="size-5 text-muted" />
      );
    case "number":
    case "integer":
      return typeof value === "number" ? format.number(value) : String(value);
    default:
      return (
        <span dir="auto" className="block break-words whitespace-pre-line">
          {typeof value === "string" ? value : JSON.stringify(value)}
        </span>
      );
  }
}

function List({ items, part, root }: { items: unknown[]; part: Schema | undefined; root: Schema }) {
  const plain = items.every((item) => !isRecord(item) && !Array.isArray(item));
  return (
    <ul className={clsx("flex flex-col", plain ? "list-disc gap-1 ps-5" : "gap-2")}>
      {items.map((item, number) => (
        <li key={number} className={plain ? undefined : "border-s-2 border-line ps-3"}>
          <Value value={item} part={part} root={root} />
        </li>
      ))}
    </ul>
  );
}

/** The first text of an object is its heading; what is empty is left out. */
function Fields({ value, schema, root }: { value: Record<string, unknown>; schema: Schema; root: Schema }) {
  const label = useLabel();
  const names = namesOf(value, schema).filter((name) => value[name] !== null && value[name] !== "");
  const heading = typeof value[names[0] ?? ""] === "string" ? names.shift() : undefined;
  return (
    <div>
      {heading !== undefined && (
        <p dir="auto" className="font-medium break-words">
          {String(value[heading])}
        </p>
      )}
      {names.map((name) => {
        const part = schema.properties?.[name];
        const inner = value[name];
        const short = typeof inner !== "object";
        return (
          <div key={name} className={clsx("mt-1", short && "flex flex-wrap gap-x-2")}>
            {shown(inner, part, root) !== "quote" && <span className="text-sm text-muted">{label(name, part)}</span>}
            <Value value={inner} part={part} root={root} />
          </div>
        );
      })}
    </div>
  );
}

/** What somebody said, word for word; a press plays it. */
function QuoteView({ quote }: { quote: Record<string, unknown> }) {
  const { t } = useTranslation("audio");
  const playback = useSound();
  const startS = typeof quote.start_s === "number" ? quote.start_s : null;
  const speaker = typeof quote.speaker === "string" ? quote.speaker : null;
  return (
    <figure className="flex gap-2">
      <Quote aria-hidden className="mt-1 size-3.5 shrink-0 text-accent rtl:-scale-x-100" />
      <div className="min-w-0">
        <blockquote className="break-words italic">
          <bdi>{String(quote.text ?? "")}</bdi>
        </blockquote>
        {(startS !== null || speaker) && (
          <figcaption className="mt-0.5 flex flex-wrap items-center gap-x-2 text-sm text-muted">
            {startS !== null && (
              <button
                type="button"
                disabled={!playback}
                aria-label={t("transcript.playFrom", { at: clock(startS) })}
                onClick={() => playback?.seek(startS, true)}
                className="inline-flex items-center gap-1 rounded-sm tabular-nums enabled:hover:text-accent enabled:hover:underline"
              >
                {playback && <Play aria-hidden className="size-3" />}
                {clock(startS)}
              </button>
            )}
            {speaker && <bdi>{speaker}</bdi>}
          </figcaption>
        )}
      </div>
    </figure>
  );
}
