import { useTranslation } from "react-i18next";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Numbers, dates and sizes as the language of now writes them. */
export function useFormat() {
  const { i18n } = useTranslation();
  const language = i18n.language;
  // A size is read from left to right, also inside a line that is not.
  const isolated = (text: string): string => (i18n.dir() === "rtl" ? `\u2066${text}\u2069` : text);
  const number = (value: number, options?: Intl.NumberFormatOptions): string =>
    new Intl.NumberFormat(language, options).format(value);
  return {
    number,
    percent: (share: number, digits = 0): string =>
      number(share, { style: "percent", maximumFractionDigits: digits }),
    /** RFC 3339, or seconds since 1970. */
    time: (at: string | number): string =>
      new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(moment(at)),
    day: (at: string | number): string => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(moment(at)),
    /** The time of day, below a chart. */
    hour: (at: string | number): string => new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" }).format(moment(at)),
    /** Day and month, below a chart. */
    date: (at: string | number): string => new Intl.DateTimeFormat(language, { day: "numeric", month: "numeric" }).format(moment(at)),
    /** The time of day to the second, for what happened lately. */
    clock: (at: string | number): string => new Intl.DateTimeFormat(language, { timeStyle: "medium" }).format(moment(at)),
    /** How long ago, or in how long, e.g. "3 minutes ago". */
    ago: (at: string | number): string => relative(language, moment(at).getTime() - Date.now()),
    bytes: (bytes: number): string => {
      const step = bytes > 0 ? Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10)) : 0;
      const digits = { maximumFractionDigits: step > 1 ? 1 : 0 };
      return isolated(`${number(bytes / 1024 ** step, digits)} ${UNITS[step]}`);
    },
    /** A span of time, e.g. "1 h 4 min", "3.2 s". */
    // Some units are words of the language, some are not: each finds its own direction.
    duration: (seconds: number): string =>
      i18n.dir() === "rtl" ? `\u2068${duration(number, seconds)}\u2069` : duration(number, seconds),
  };
}

function moment(at: string | number): Date {
  return typeof at === "number" ? new Date(at * 1000) : new Date(at);
}

function unit(number: (value: number, options?: Intl.NumberFormatOptions) => string, value: number, name: string, digits = 0) {
  return number(value, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits });
}

function duration(number: (value: number, options?: Intl.NumberFormatOptions) => string, seconds: number): string {
  if (seconds < 1) return unit(number, Math.round(seconds * 1000), "millisecond");
  if (seconds < 60) return unit(number, seconds, "second", seconds < 10 ? 1 : 0);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "day"],
    [Math.floor((seconds % 86_400) / 3600), "hour"],
    [Math.floor((seconds % 3600) / 60), "minute"],
    [Math.floor(seconds % 60), "second"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, name]) => unit(number, value, name))
    .join(" ");
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1000, "second"],
];

function relative(language: string, differenceMs: number): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const [size, name] = STEPS.find(([step]) => Math.abs(differenceMs) >= step) ?? [1000, "second" as const];
  return format.format(Math.round(differenceMs / size), name);
}
