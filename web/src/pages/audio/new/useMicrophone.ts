import { useCallback, useEffect, useRef, useState } from "react";

const KINDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const ENDINGS: Record<string, string> = { "audio/webm": "webm", "audio/mp4": "m4a", "audio/ogg": "ogg" };
/** Pieces in which the browser hands the sound over; what is not handed over is lost with the page. */
const PIECE_MS = 1000;

export interface Microphone {
  state: "idle" | "asking" | "on" | "paused" | "done";
  /** Recorded so far, in seconds. */
  seconds: number;
  /** How loud it is just now, 0..1. */
  level: number;
  /** Why it does not go. */
  fault: "insecure" | "denied" | "missing" | null;
  sound: Blob | null;
  start: () => Promise<void>;
  pause: () => void;
  resume: () => void;
  stop: () => void;
  discard: () => void;
}

/** Records with the microphone of this device. */
export function useMicrophone(): Microphone {
  const [state, setState] = useState<Microphone["state"]>("idle");
  const [seconds, setSeconds] = useState(0);
  const [level, setLevel] = useState(0);
  const [fault, setFault] = useState<Microphone["fault"]>(null);
  const [sound, setSound] = useState<Blob | null>(null);
  const recorder = useRef<MediaRecorder | null>(null);
  const hearing = useRef<Hearing | null>(null);
  const gone = useRef(false);

  const close = useCallback(() => {
    hearing.current?.close();
    hearing.current = null;
    recorder.current = null;
  }, []);

  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      if (recorder.current && recorder.current.state !== "inactive") recorder.current.stop();
      close();
    };
  }, [close]);

  useEffect(() => {
    if (state !== "on") return;
    let before = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      const passedS = (now - before) / 1000;
      before = now;
      setSeconds((sum) => sum + passedS);
      setLevel(hearing.current?.level() ?? 0);
    }, 100);
    return () => clearInterval(timer);
  }, [state]);

  const start = async (): Promise<void> => {
    // Browsers hand out the microphone over https and on localhost alone.
    if (!navigator.mediaDevices || typeof MediaRecorder === "undefined") return setFault("insecure");
    setState("asking");
    setFault(null);
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      setState("idle");
      return setFault(error instanceof DOMException && error.name === "NotAllowedError" ? "denied" : "missing");
    }
    if (gone.current) return stream.getTracks().forEach((track) => track.stop());
    hearing.current = new Hearing(stream);
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    const made = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    const pieces: Blob[] = [];
    made.ondataavailable = (event) => pieces.push(event.data);
    made.onstop = () => {
      if (gone.current || recorder.current !== made) return;
      setSound(new Blob(pieces, { type: made.mimeType.split(";")[0] }));
      setState("done");
      close();
    };
    recorder.current = made;
    made.start(PIECE_MS);
    setSeconds(0);
    setState("on");
  };

  return {
    state,
    seconds,
    level,
    fault,
    sound,
    start,
    pause: () => {
      recorder.current?.pause();
      setLevel(0);
      setState("paused");
    },
    resume: () => {
      recorder.current?.resume();
      setState("on");
    },
    stop: () => recorder.current?.stop(),
    discard: () => {
      const running = recorder.current;
      recorder.current = null;
      if (running && running.state !== "inactive") running.stop();
      close();
      setSound(null);
      setSeconds(0);
      setLevel(0);
      setState("idle");
    },
  };
}

/** What was recorded, as a file whose name says when. */
export function fileOf(sound: Blob, title: string): File {
  const ending = ENDINGS[sound.type] ?? "webm";
  return new File([sound], `${title.replace(/[/\\:*?"<>|]/g, "-")}.${ending}`, { type: sound.type });
}

/** Listens to how loud a stream is. */
class Hearing {
  private readonly context = new AudioContext();
  private readonly analyser = this.context.createAnalyser();
  private readonly samples: Uint8Array<ArrayBuffer>;

  constructor(private readonly stream: MediaStream) {
    this.analyser.fftSize = 1024;
    this.samples = new Uint8Array(this.analyser.fftSize);
    this.context.createMediaStreamSource(stream).connect(this.analyser);
  }

  /** Root mean square of the last moments, on a scale on which speech fills about two thirds. */
  level(): number {
    this.analyser.getByteTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += ((sample - 128) / 128) ** 2;
    return Math.min(1, Math.sqrt(sum / this.samples.length) * 4);
  }

  close(): void {
    this.stream.getTracks().forEach((track) => track.stop());
    void this.context.close();
  }
}
