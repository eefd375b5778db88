import clsx from "clsx";
import { useMemo, useRef, type ReactNode, type Ref } from "react";
import { useTranslation } from "react-i18next";

import { Field, Textarea } from "@/components";

import { lineOf, placeOf, readJson, type Place, type Reading } from "./places";

/** Something to say about a part of the text. */
export interface Mark {
  /** JSON pointer to the part. */
  pointer: string;
  message: string;
  /** It must be mended; otherwise it is good to know. */
  bad: boolean;
}

export interface JsonEditorProps {
  label: string;
  hint?: ReactNode;
  rows?: number;
  text: string;
  /** An empty text is nothing, and no fault. */
  optional?: boolean;
  marks?: Mark[];
  /** What is wrong with all of it. */
  error?: string;
  onChange: (text: string) => void;
}

const NONE: Mark[] = [];

interface Told extends Mark {
  line: number;
  place: Place;
}

/** JSON as it is typed, lines numbered; what is to be said about it stands below and leads to its place. */
export function JsonEditor({ label, hint, rows = 8, text, optional, marks = NONE, error, onChange }: JsonEditorProps) {
  const { t } = useTranslation("tasks");
  const box = useRef<HTMLTextAreaElement>(null);
  const numbers = useRef<HTMLPreElement>(null);
  const reading = useMemo(() => readJson(text), [text]);
  const empty = optional && text.trim() === "";
  const told = useMemo(() => toldOf(text, reading, marks), [text, reading, marks]);
  const stopped = !reading.ok && !empty ? lineOf(text, reading.at) : null;
  const go = (place: Place): void => {
    const area = box.current;
    if (!area) return;
    area.focus();
    area.setSelectionRange(place.start, place.end);
    const height = area.scrollHeight / text.split("\n").length;
    area.scrollTop = (lineOf(text, place.start) - 3) * height;
  };
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <Field label={label} hint={hint} error={error ?? (stopped === null ? undefined : t("json.stops", { line: stopped }))}>
        <div dir="ltr" className="relative min-w-0 overflow-hidden rounded-md border border-line-strong bg-sunken ps-10 has-[[aria-invalid]]:border-bad">
          <Numbers ref={numbers} count={text.split("\n").length} stopped={stopped} told={told} />
          <Textarea
            ref={box}
            dir="ltr"
            rows={rows}
            wrap="off"
            spellCheck={false}
            className="block resize-none rounded-none! border-0! font-mono text-sm leading-5 -outline-offset-2"
            value={text}
            onChange={(event) => onChange(event.target.value)}
            onScroll={(event) => {
              if (numbers.current) numbers.current.scrollTop = event.currentTarget.scrollTop;
            }}
          />
        </div>
      </Field>
      {told.length > 0 && <Marks label={t("json.marks", { label })} told={told} onGo={go} />}
    </div>
  );
}

interface NumbersProps {
  ref: Ref<HTMLPreElement>;
  count: number;
  /** The line from which on it is no JSON. */
  stopped: number | null;
  told: Told[];
}

/** The numbers of lines, those with something to say about them in its colour. */
function Numbers({ ref, count, stopped, told }: NumbersProps) {
  const bad = new Set([stopped, ...told.filter((one) => one.bad).map((one) => one.line)]);
  const warned = new Set(told.map((one) => one.line));
  return (
    <pre
      ref={ref}
      aria-hidden
      className="absolute inset-y-0 start-0 w-10 overflow-hidden py-2 text-end font-mono text-sm leading-5 text-muted select-none"
    >
      {Array.from({ length: count }, (_, number) => number + 1).map((line) => (
        <span key={line} className={clsx("block pe-2", bad.has(line) ? "bg-bad-soft text-bad" : warned.has(line) && "bg-warn-soft text-warn")}>
          {line}
        </span>
      ))}
    </pre>
  );
}

function Marks({ label, told, onGo }: { label: string; told: Told[]; onGo: (place: Place) => void }) {
  const { t } = useTranslation("tasks");
  return (
    <ul aria-label={label} className="flex flex-col gap-0.5">
      {told.map((one, number) => (
        <li key={number}>
          <button
            type="button"
            className="flex min-h-8 w-full flex-wrap items-baseline gap-x-2 rounded-md px-2 py-1 text-start text-sm hover:bg-sunken"
            onClick={() => onGo(one.place)}
          >
            <span className={clsx("font-medium", one.bad ? "text-bad" : "text-warn")}>{t("json.line", { line: one.line })}</span>
            <code className="break-all">{one.pointer || "/"}</code>
            <bdi className="min-w-0 break-words">{one.message}</bdi>
          </button>
        </li>
      ))}
    </ul>
  );
}

function toldOf(text: string, reading: Reading, marks: Mark[]): Told[] {
  if (!reading.ok) return [];
  return marks.flatMap((mark) => {
    const place = placeOf(mark.pointer, reading.places);
    return place ? [{ ...mark, place, line: lineOf(text, place.start) }] : [];
  });
}
