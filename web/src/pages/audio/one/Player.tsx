import { Pause, Play, RotateCcw, RotateCw } from "lucide-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { IconButton, Select } from "@/components";
import { useFormat } from "@/i18n/format";

import { clock } from "../states";
import type { Stretch } from "./peaks";
import { useMoment, useSound } from "./playback";
import { Waveform } from "./Waveform";

const LEAP_S = 10;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export interface PlayerProps {
  url: string;
  durationS: number;
  stretches: readonly Stretch[];
}

/** Play, pause, leap, speed, and the waveform. The space bar plays and stops wherever nothing is typed. */
export function Player({ url, durationS, stretches }: PlayerProps) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const playback = useSound();
  const playing = useMoment((now) => now !== null && !now.audio.paused);
  const rate = useMoment((now) => now?.audio.playbackRate ?? 1);
  const broken = useMoment((now) => now?.audio.error != null);
  useSpaceBar(() => playback?.toggle());
  if (!playback) return null;
  return (
    <section aria-label={t("player.label")} className="rounded-lg border border-line bg-surface p-3">
      <Waveform playback={playback} url={url} durationS={durationS} stretches={stretches} />
      {broken && (
        <p role="alert" className="mt-2 text-sm text-warn">
          {t("player.broken")}
        </p>
      )}
      <div className="mt-2 flex flex-wrap items-center gap-1">
        <IconButton icon={RotateCcw} size="small" label={t("player.back", { count: LEAP_S })} onClick={() => playback.seek(playback.atS - LEAP_S)} />
        <IconButton
          look="primary"
          icon={playing ? Pause : Play}
          disabled={broken}
          label={playing ? t("player.pause") : t("player.play")}
          className="rounded-full"
          onClick={() => playback.toggle()}
        />
        <IconButton icon={RotateCw} size="small" label={t("player.forward", { count: LEAP_S })} onClick={() => playback.seek(playback.atS + LEAP_S)} />
        <Clock durationS={durationS} />
        <Select
          aria-label={t("player.speed")}
          className="ms-auto min-h-8! w-auto! px-2! text-sm"
          choices={SPEEDS.map((speed) => ({ value: String(speed), label: `${format.number(speed)}×` }))}
          value={String(rate)}
          onChange={(speed) => {
            playback.audio.playbackRate = Number(speed);
          }}
        />
      </div>
    </section>
  );
}

function Clock({ durationS }: { durationS: number }) {
  const at = useMoment((now) => clock(now?.atS ?? 0));
  return (
    <span dir="ltr" className="ms-2 text-sm text-muted tabular-nums">
      <span className="text-ink">{at}</span> / {clock(durationS)}
    </span>
  );
}

function useSpaceBar(act: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const at = event.target as HTMLElement | null;
      if (event.key !== " " || at?.closest("input,textarea,select,button,a,[role=dialog],[role=menu],[role=tab]")) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });
}
