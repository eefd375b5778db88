import { useEffect, useRef, type KeyboardEvent } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { useDark } from "@/lib/theme";

import { lookOf } from "./looks";

export interface PlotSeries {
  name: string;
  values: (number | null)[];
}

export interface PlotProps {
  /** What is shown, for those who do not see it. */
  label: string;
  /** Unix seconds, rising. */
  times: number[];
  series: PlotSeries[];
  /** How a number of the upright axis is written. */
  format: (value: number) => string;
  /** How a time of the other one is written. */
  formatTime: (unixS: number) => string;
  /** Upper end of the upright axis; without one it fits the numbers. */
  most?: number;
  /** The place among the times that is pointed at; null = none. */
  onPoint: (place: number | null) => void;
}

const HEIGHT_PX = 168;

function options(props: PlotProps, width: number, onPoint: (place: number | null) => void): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { sync: { key: "system" }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), props.most ?? roomy(high)] } },
    axes: [
      { ...axis, values: (_, splits) => splits.map(props.formatTime), space: 72, size: 30 },
      { ...axis, values: (_, splits) => splits.map(props.format), size: 64, space: 32 },
    ],
    series: [
      {},
      ...props.series.map((one, place) => ({
        label: one.name,
        stroke: colour(lookOf(place).colour),
        width: 1.75,
        dash: lookOf(place).dash,
        // A look that stands alone would be no line.
        points: { show: (plot: uPlot, at: number) => lonely(plot.data[at] as (number | null)[]), size: 4 },
      })),
    ],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

function roomy(high: number | null): number {
  return high === null || high <= 0 ? 1 : high * 1.08;
}

function lonely(values: (number | null)[]): boolean {
  const seen = values.flatMap((value, place) => (value === null ? [] : [place]));
  return seen.every((place, at) => (at === 0 || seen[at - 1] !== place - 1) && seen[at + 1] !== place + 1);
}

/** Lines over time. Time goes from left to right in every language, as on every clock's paper. */
export default function Plot(props: PlotProps) {
  const { label, times, series, onPoint } = props;
  const dark = useDark();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  // What the lines are; their numbers alone need no new plot.
  const kind = series.map((one) => one.name).join("\n");
  useEffect(() => {
    const holder = box.current;
    if (holder === null) return;
    const told = (place: number | null): void => latest.current.onPoint(place);
    const made = new uPlot(options(latest.current, holder.clientWidth, told), data(latest.current), holder);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: holder.clientWidth, height: HEIGHT_PX }));
    watch.observe(holder);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [kind, dark, props.format, props.formatTime, props.most]);
  useEffect(() => {
    plot.current?.setData(data({ times, series }));
  }, [times, series]);
  const press = (event: KeyboardEvent): void => {
    const made = plot.current;
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (made === null) return;
    if (event.key === "Escape") onPoint(null);
    if (steps === undefined) return;
    event.preventDefault();
    const place = Math.min(Math.max((made.cursor.idx ?? times.length) + steps, 0), times.length - 1);
    const x = made.valToPos(times[place] ?? 0, "x");
    made.setCursor({ left: x, top: HEIGHT_PX / 3 }); // physical: a point of the canvas
  };
  return <div ref={box} dir="ltr" role="img" aria-label={label} tabIndex={0} onKeyDown={press} className="rounded-md" />;
}

function data({ times, series }: Pick<PlotProps, "times" | "series">): uPlot.AlignedData {
  return [times, ...series.map((one) => one.values)];
}
