import { useVirtualizer } from "@tanstack/react-virtual";
import { LocateFixed, TextSearch } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, EmptyState } from "@/components";

import { directionOf } from "../states";
import { lastBefore, useMoment } from "./playback";
import type { Line } from "./lines";
import { TranscriptLine } from "./TranscriptLine";

export interface TranscriptViewProps {
  recordingId: string;
  /** What is spoken: the whole of it runs in that direction. */
  language: string | null;
  lines: Line[];
  speakers: string[];
  editable: boolean;
}

const ESTIMATE_PX = 60;

/** A transcript of any length that follows the player; scrolling by hand lets go of it. */
export function TranscriptView({ recordingId, language, lines, speakers, editable }: TranscriptViewProps) {
  const { t } = useTranslation("audio");
  const scroller = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const starts = useMemo(() => lines.map((line) => line.startS ?? 0), [lines]);
  const timed = lines.some((line) => line.startS !== null);
  const active = useMoment((now) => (now && timed && (now.atS > 0 || !now.audio.paused) ? lastBefore(starts, now.atS) : -1));
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ESTIMATE_PX,
    getItemKey: (index) => lines[index]!.key,
    overscan: 6,
  });
  useEffect(() => {
    if (following && active >= 0) virtual.scrollToIndex(active, { align: "center" });
  }, [active, following, virtual]);
  if (lines.length === 0) {
    return (
      <EmptyState icon={TextSearch} title={t("transcript.empty")}>
        {t("transcript.emptyAbout")}
      </EmptyState>
    );
  }
  const letGo = (): void => setFollowing(false);
  return (
    <div className="relative">
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        dir={directionOf(language)}
        aria-label={t("transcript.label")}
        onWheel={letGo}
        onTouchMove={letGo}
        className="max-h-[max(20rem,calc(100dvh-22rem))] overflow-y-auto rounded-lg border border-line bg-surface p-2"
      >
        <ol className="relative w-full" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((one) => (
            <li
              key={one.key}
              ref={virtual.measureElement}
              data-index={one.index}
              aria-setsize={lines.length}
              aria-posinset={one.index + 1}
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${one.start}px)` }}
            >
              <TranscriptLine
                recordingId={recordingId}
                line={lines[one.index]!}
                speakers={speakers}
                active={one.index === active}
                editable={editable}
                newSpeaker={one.index === 0 || lines[one.index - 1]!.speaker !== lines[one.index]!.speaker}
              />
            </li>
          ))}
        </ol>
      </div>
      {!following && active >= 0 && (
        <Button
          size="small"
          look="primary"
          icon={LocateFixed}
          className="absolute end-4 bottom-3 shadow-lg"
          onClick={() => setFollowing(true)}
        >
          {t("transcript.follow")}
        </Button>
      )}
    </div>
  );
}
