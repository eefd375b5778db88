import clsx from "clsx";
import { Mic, Pause, Play, Square, Trash2 } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { Button, Confirm, Dialog } from "@/components";
import { useFormat } from "@/i18n/format";

import { clock } from "../states";
import { fileOf, useMicrophone } from "./useMicrophone";

export interface MicrophoneDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** Takes what was recorded. */
  onRecorded: (file: File) => void;
}

/** Record with the microphone, listen to it, and hand it over. */
export function MicrophoneDialog({ open, onOpenChange, onRecorded }: MicrophoneDialogProps) {
  const { t } = useTranslation("audio");
  // A press beside the window must not cost an hour of talk.
  const [holds, setHolds] = useState(false);
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Dialog
        title={t("microphone.title")}
        about={t("microphone.about")}
        open={open}
        onOpenChange={(next) => (!next && holds ? setAsking(true) : onOpenChange(next))}
      >
        <Recorder
          onHolds={setHolds}
          onRecorded={(file) => {
            onOpenChange(false);
            onRecorded(file);
          }}
        />
      </Dialog>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={t("microphone.discardTitle")}
        about={t("microphone.discardAbout")}
        action={t("microphone.discard")}
        onConfirm={() => Promise.resolve(onOpenChange(false))}
      />
    </>
  );
}

interface RecorderProps {
  /** Told whether there is something that would be lost. */
  onHolds: (holds: boolean) => void;
  onRecorded: (file: File) => void;
}

function Recorder({ onHolds, onRecorded }: RecorderProps) {
  const { t } = useTranslation("audio");
  const format = useFormat();
  const microphone = useMicrophone();
  const { state, sound, seconds, level, fault } = microphone;
  const [startedAt, setStartedAt] = useState(0);
  const url = useMemo(() => (sound ? URL.createObjectURL(sound) : null), [sound]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  const holds = state === "on" || state === "paused" || state === "done";
  useEffect(() => {
    onHolds(holds);
    return () => onHolds(false);
  }, [holds, onHolds]);
  const begin = (): void => {
    setStartedAt(Date.now() / 1000);
    void microphone.start();
  };
  return (
    <div className="flex flex-col items-center gap-5 py-2">
      <div
        aria-hidden
        className={clsx(
          "grid size-24 place-items-center rounded-full transition-colors",
          state === "on" ? "bg-bad-soft text-bad" : "bg-sunken text-muted",
        )}
        style={{ boxShadow: `0 0 0 ${Math.round(level * 20)}px color-mix(in srgb, var(--bad) 18%, transparent)` }}
      >
        <Mic className="size-10" />
      </div>
      <p role="timer" className="text-3xl font-semibold tabular-nums">
        {clock(seconds)}
      </p>
      <p aria-live="polite" className={clsx("text-center", fault ? "text-bad" : "text-muted")}>
        {fault ? t(`microphone.${fault}`) : t(`microphone.state.${state}`)}
      </p>
      {url && <audio controls src={url} className="w-full" aria-label={t("microphone.listen")} />}
      <div className="flex flex-wrap justify-center gap-2">
        {(state === "idle" || state === "asking") && (
          <Button look="primary" icon={Mic} busy={state === "asking"} onClick={begin}>
            {t("microphone.start")}
          </Button>
        )}
        {state === "on" && (
          <Button icon={Pause} onClick={microphone.pause}>
            {t("microphone.pause")}
          </Button>
        )}
        {state === "paused" && (
          <Button icon={Play} onClick={microphone.resume}>
            {t("microphone.resume")}
          </Button>
        )}
        {(state === "on" || state === "paused") && (
          <Button look="primary" icon={Square} onClick={microphone.stop}>
            {t("microphone.stop")}
          </Button>
        )}
        {state === "done" && (
          <Button icon={Trash2} onClick={microphone.discard}>
            {t("microphone.discard")}
          </Button>
        )}
        {state === "done" && sound && (
          <Button
            look="primary"
            onClick={() => onRecorded(fileOf(sound, t("microphone.name", { time: format.time(startedAt) })))}
          >
            {t("microphone.use")}
          </Button>
        )}
      </div>
    </div>
  );
}
