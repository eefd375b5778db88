import clsx from "clsx";
import { Pencil, Sparkles } from "lucide-react";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";

import { Badge, IconButton, Tooltip } from "@/components";

import { clock } from "../states";
import type { Line, TimedWord } from "./lines";
import { useMoment, useSound } from "./playback";
import { SegmentEditor } from "./SegmentEditor";
import { SpeakerName } from "./SpeakerName";

/** Below this, a word or a segment is marked as doubtful. */
const DOUBTFUL = 0.5;

export interface TranscriptLineProps {
  recordingId: string;
  line: Line;
  speakers: string[];
  active: boolean;
  editable: boolean;
  /** Whether the line before it is of somebody else. */
  newSpeaker: boolean;
}

/** One line of a transcript: when, who, what; a press on it, or on a word of it, goes there. */
export const TranscriptLine = memo(function TranscriptLine(props: TranscriptLineProps) {
  const { recordingId, line, speakers, active, editable, newSpeaker } = props;
  const { t } = useTranslation("audio");
  const playback = useSound();
  const [editing, setEditing] = useState(false);
  if (editing && line.said) {
    return <SegmentEditor recordingId={recordingId} said={line.said} speakers={speakers} onDone={() => setEditing(false)} />;
  }
  const doubtful = line.said?.confidence != null && line.said.confidence < DOUBTFUL;
  const go = (): void => playback?.seek(line.startS ?? 0, true);
  return (
    <div
      data-active={active || undefined}
      className={clsx(
        "group flex gap-3 rounded-md border-s-3 px-2 py-1.5",
        active ? "border-accent bg-accent-soft/60" : "border-transparent hover:bg-sunken/60",
      )}
    >
      {line.startS !== null && (
        <button
          type="button"
          disabled={!playback}
          onClick={go}
          aria-label={t("transcript.playFrom", { at: clock(line.startS) })}
          className="h-fit min-w-11 shrink-0 rounded-sm pt-0.5 text-end text-sm text-muted tabular-nums enabled:hover:text-accent enabled:hover:underline"
        >
          {clock(line.startS)}
        </button>
      )}
      <div className="min-w-0 flex-1">
        {line.speaker && newSpeaker && <SpeakerName name={line.speaker} place={speakers.indexOf(line.speaker)} />}
        <p dir="auto" className={clsx("break-words", doubtful && "text-muted")}>
          {line.words.length > 0 ? <Words words={line.words} active={active} /> : line.text}
        </p>
        <Notes line={line} doubtful={doubtful} />
      </div>
      {editable && line.said && (
        <IconButton
          icon={Pencil}
          size="small"
          label={t("transcript.correct")}
          className="self-start opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"
          onClick={() => setEditing(true)}
        />
      )}
    </div>
  );
});

function Notes({ line, doubtful }: { line: Line; doubtful: boolean }) {
  const { t } = useTranslation("audio");
  const heard = line.said?.heard ?? null;
  if (heard === null && !doubtful && line.by !== "model") return null;
  return (
    <p className="mt-0.5 flex flex-wrap items-center gap-2 text-sm">
      {heard !== null && (
        <Tooltip text={<span dir="auto">{t("transcript.heard", { text: heard })}</span>}>
          <button type="button" className="rounded-full">
            <Badge kind="accent">{t("transcript.corrected")}</Badge>
          </button>
        </Tooltip>
      )}
      {doubtful && <Badge kind="warn">{t("transcript.doubtful")}</Badge>}
      {line.by === "model" && (
        <span className="inline-flex items-center gap-1 text-xs text-muted">
          <Sparkles aria-hidden className="size-3" />
          {t("transcript.byModel")}
        </span>
      )}
    </p>
  );
}

/** Words that one can press; the one that is being said is marked. */
function Words({ words, active }: { words: TimedWord[]; active: boolean }) {
  const playback = useSound();
  const now = useMoment((one) => {
    if (!active || !one) return -1;
    return words.findIndex((word) => word.start_s <= one.atS + 0.02 && one.atS < word.end_s);
  });
  return words.map((word, number) => (
    <span key={number}>
      {number > 0 && !/^\s/.test(word.text) && !isJoined(words[number - 1]!.text, word.text) && " "}
      <span
        data-at={word.start_s}
        onClick={() => playback?.seek(word.start_s, true)}
        className={clsx(
          playback && "cursor-pointer rounded-xs hover:bg-accent-soft hover:text-accent",
          number === now && "bg-accent text-accent-ink hover:bg-accent hover:text-accent-ink",
          word.probability !== null && word.probability < DOUBTFUL && "underline decoration-warn decoration-dotted underline-offset-4",
        )}
      >
        {word.text}
      </span>
    </span>
  ));
}

const NO_SPACES = /[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]/;

/** Chinese, Japanese and Thai write words without spaces between them. */
function isJoined(before: string, after: string): boolean {
  return NO_SPACES.test(before.at(-1) ?? "") && NO_SPACES.test(after[0] ?? "");
}
