import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";

const TICK_MS = 60;

/** The sound of a recording, and where it is just now; parts of the page listen to it without drawing the rest anew. */
export class Playback {
  private readonly listeners = new Set<() => void>();
  private frame = 0;
  private toldAtMs = 0;
  readonly audio: HTMLAudioElement;

  constructor(src: string) {
    this.audio = new Audio();
    this.audio.preload = "metadata";
    this.audio.src = src;
    for (const name of ["timeupdate", "seeking", "play", "pause", "ended", "ratechange", "error", "durationchange"]) {
      this.audio.addEventListener(name, this.tell);
    }
    this.audio.addEventListener("play", this.run);
  }

  /** Seconds from the start. */
  get atS(): number {
    return this.audio.currentTime;
  }

  /** Go to a moment; plays on from there if `play`. */
  seek(atS: number, play = false): void {
    this.audio.currentTime = Math.max(0, atS);
    if (play) void this.audio.play().catch(this.tell);
  }

  toggle(): void {
    if (this.audio.paused) void this.audio.play().catch(this.tell);
    else this.audio.pause();
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.listeners.clear();
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private readonly tell = (): void => {
    for (const listener of this.listeners) listener();
  };

  /** Words are shorter than the steps in which browsers tell the time. */
  private readonly run = (): void => {
    cancelAnimationFrame(this.frame);
    const step = (nowMs: number): void => {
      if (this.audio.paused) return;
      if (nowMs - this.toldAtMs >= TICK_MS) {
        this.toldAtMs = nowMs;
        this.tell();
      }
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  };
}

/** A player for this sound as long as the page is there; null without sound. */
export function usePlayback(src: string | null): Playback | null {
  const [playback, setPlayback] = useState<Playback | null>(null);
  useEffect(() => {
    if (src === null) return setPlayback(null);
    const made = new Playback(src);
    setPlayback(made);
    return () => made.close();
  }, [src]);
  return playback;
}

const PlaybackContext = createContext<Playback | null>(null);
export const PlaybackProvider = PlaybackContext.Provider;

/** The page's player; null where there is nothing to hear. */
export function useSound(): Playback | null {
  return useContext(PlaybackContext);
}

const never = (): (() => void) => () => undefined;

/** What follows from where the sound is; draws anew only when that changes. `choose` answers a plain value. */
export function useMoment<T extends string | number | boolean | null>(choose: (playback: Playback | null) => T): T {
  const playback = useSound();
  return useSyncExternalStore(playback?.subscribe ?? never, () => choose(playback));
}

/** Number of the last of these starts that is not behind a moment; -1 before the first. They ascend. */
export function lastBefore(startsS: readonly number[], atS: number): number {
  let [low, high] = [0, startsS.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startsS[middle]! <= atS + 0.02) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
