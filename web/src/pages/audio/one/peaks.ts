import { send } from "@/api/client";

/** Longer sound is not decoded here: an hour at this rate is 115 MB of samples. */
const MOST_DECODED_S = 3600;
const MOST_BYTES = 150_000_000;
const RATE_HZ = 8000;
const PEAKS = 1600;

export interface Stretch {
  start_s: number | null;
  end_s: number | null;
}

/** The loudness of a sound over its time, 0..1, or null where this browser cannot tell. */
export async function peaksOf(url: string, durationS: number, signal: AbortSignal): Promise<number[] | null> {
  if (durationS > MOST_DECODED_S) return null;
  const response = await send("get", url, { signal });
  if (Number(response.headers.get("content-length")) > MOST_BYTES) {
    await response.body?.cancel();
    return null;
  }
  const bytes = await response.arrayBuffer();
  let sound: AudioBuffer;
  try {
    sound = await new OfflineAudioContext(1, RATE_HZ, RATE_HZ).decodeAudioData(bytes);
  } catch {
    // A format that this browser does not know: the server does, the stretches of speech are shown instead.
    return null;
  }
  return loudest(sound.getChannelData(0));
}

function loudest(samples: Float32Array): number[] {
  const width = Math.max(1, Math.floor(samples.length / PEAKS));
  const found: number[] = [];
  for (let start = 0; start + width <= samples.length; start += width) {
    let most = 0;
    for (let at = start; at < start + width; at++) {
      const value = Math.abs(samples[at]!);
      if (value > most) most = value;
    }
    found.push(most);
  }
  return found;
}

/** Where somebody speaks, drawn as if it were loudness: for what is too long to be decoded here. */
export function speechPeaks(stretches: readonly Stretch[], durationS: number): number[] {
  const found = new Array<number>(PEAKS).fill(0.03);
  for (const { start_s, end_s } of stretches) {
    if (start_s === null || end_s === null || durationS <= 0) continue;
    const first = Math.floor((start_s / durationS) * PEAKS);
    const last = Math.ceil((end_s / durationS) * PEAKS);
    for (let at = Math.max(0, first); at < Math.min(PEAKS, last); at++) found[at] = 0.45 + 0.3 * Math.abs(Math.sin(at * 1.7));
  }
  return found;
}
