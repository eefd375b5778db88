import type { UseQueryResult } from "@tanstack/react-query";
import { Info } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/me";
import { Async, Button, CopyButton, EmptyState } from "@/components";

import { isActive, type Said, type Whole } from "../states";
import { cleanLines, rawLines, speakersOf } from "./lines";
import type { RerunStage } from "./RerunDialog";
import { Speakers } from "./Speakers";
import { Switcher } from "./Switcher";
import { TranscriptView } from "./TranscriptView";

export interface TranscriptTabProps {
  recording: Whole;
  segments: UseQueryResult<Said[]>;
  onRerun: ((stage: RerunStage) => void) | null;
}

/** What was said: as it was heard, or cleaned; with who said it. */
export function TranscriptTab({ recording, segments, onRerun }: TranscriptTabProps) {
  const { t } = useTranslation("audio");
  const mayWrite = useMay("audio:write");
  const [chosen, setChosen] = useState<"raw" | "clean" | null>(null);
  const hasClean = (recording.paragraphs ?? []).length > 0;
  const view = chosen ?? (hasClean ? "clean" : "raw");
  const said = useMemo(() => segments.data ?? [], [segments.data]);
  const speakers = useMemo(() => speakersOf(said), [said]);
  const lines = useMemo(() => (view === "clean" ? cleanLines(recording) : rawLines(said)), [view, recording, said]);
  const editable = mayWrite && !isActive(recording);
  const corrected = said.some((one) => one.heard !== null);
  const whole = lines.map((line) => line.text).join("\n\n");
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Switcher
          label={t("transcript.view")}
          value={view}
          onChange={setChosen}
          choices={[
            { value: "clean", label: t("transcript.clean"), disabled: !hasClean },
            { value: "raw", label: t("transcript.raw") },
          ]}
        />
        <Speakers recordingId={recording.id} speakers={speakers} editable={editable} />
        <span className="ms-auto">
          <CopyButton text={whole} label={t("transcript.copy")} />
        </span>
      </div>
      {corrected && onRerun && !isActive(recording) && (
        <p className="flex flex-wrap items-center gap-3 rounded-lg bg-accent-soft px-3 py-2 text-sm">
          <Info aria-hidden className="size-4 shrink-0 text-accent" />
          <span className="min-w-48 flex-1">{t("transcript.cleanAgainAbout")}</span>
          <Button size="small" onClick={() => onRerun("clean")}>
            {t("transcript.cleanAgain")}
          </Button>
        </p>
      )}
      <Async query={segments}>
        {() =>
          isActive(recording) && lines.length === 0 ? (
            <EmptyState icon={Info} title={t("transcript.coming")} />
          ) : (
            <TranscriptView
              key={view}
              recordingId={recording.id}
              language={recording.language}
              lines={lines}
              speakers={speakers}
              editable={editable && view === "raw"}
            />
          )
        }
      </Async>
    </div>
  );
}
