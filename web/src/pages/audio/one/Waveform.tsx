import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type WaveSurfer from "wavesurfer.js";

import { STYLE_NONCE } from "@/lib/nonce";
import { useDark } from "@/lib/theme";

import { clock } from "../states";
import { peaksOf, speechPeaks, type Stretch } from "./peaks";
import { useMoment, type Playback } from "./playback";

const STEP_S = 5;
const LEAP_S = 30;
const HEIGHT_PX = 72;

export interface WaveformProps {
  playback: Playback;
  url: string;
  durationS: number;
  /** Where somebody speaks: shown while, or where, the sound itself is not decoded. */
  stretches: readonly Stretch[];
}

/** The sound over its time; press or drag it, or use the arrow keys, to go to a moment. Time runs from left to right. */
export function Waveform({ playback, url, durationS, stretches }: WaveformProps) {
  const { t } = useTranslation("audio");
  const place = useRef<HTMLDivElement>(null);
  const wave = useRef<WaveSurfer | null>(null);
  const dark = useDark();
  const decoded = useQuery({
    queryKey: ["peaks", url],
    queryFn: ({ signal }) => peaksOf(url, durationS, signal),
    staleTime: Infinity,
    retry: false,
  });
  const peaks = decoded.data ?? null;
  // Numbers for those who do not see it need no fractions, and so no drawing sixteen times a second.
  const atS = useMoment((now) => Math.floor(now?.atS ?? 0));

  useEffect(() => {
    let gone = false;
    void import("wavesurfer.js").then(({ default: Library }) => {
      if (gone || !place.current) return;
      wave.current = Library.create({
        container: place.current,
        media: playback.audio,
        height: HEIGHT_PX,
        barWidth: 2,
        barGap: 1,
        barRadius: 2,
        cursorWidth: 2,
        normalize: true,
        dragToSeek: true,
        cspNonce: STYLE_NONCE,
        duration: durationS,
        peaks: [peaks ?? speechPeaks(stretches, durationS)],
        ...colours(),
      });
    });
    return () => {
      gone = true;
      wave.current?.destroy();
      wave.current = null;
    };
  }, [playback, durationS, peaks, stretches]);

  useEffect(() => wave.current?.setOptions(colours()), [dark]);

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const steps: Record<string, number> = {
      ArrowLeft: -STEP_S,
      ArrowDown: -STEP_S,
      ArrowRight: STEP_S,
      ArrowUp: STEP_S,
      PageDown: -LEAP_S,
      PageUp: LEAP_S,
    };
    if (event.key === "Home") playback.seek(0);
    else if (event.key === "End") playback.seek(durationS);
    else if (steps[event.key] !== undefined) playback.seek(Math.min(durationS, playback.atS + steps[event.key]!));
    else return;
    event.preventDefault();
  };
  return (
    <div
      ref={place}
      dir="ltr"
      role="slider"
      tabIndex={0}
      aria-label={t("player.position")}
      aria-valuemin={0}
      aria-valuemax={Math.ceil(durationS)}
      aria-valuenow={atS}
      aria-valuetext={t("player.at", { at: clock(atS), of: clock(durationS) })}
      onKeyDown={onKeyDown}
      className="w-full overflow-hidden rounded-sm"
      style={{ height: HEIGHT_PX }}
    />
  );
}

/** A canvas knows no custom properties. */
function colours(): { waveColor: string; progressColor: string; cursorColor: string } {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return { waveColor: of("--line-strong"), progressColor: of("--accent"), cursorColor: of("--ink") };
}
