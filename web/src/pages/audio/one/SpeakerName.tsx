/** Hues far from one another; they only help to tell names apart, which are always written beside them. */
const HUES = [165, 265, 25, 205, 320, 85, 235, 50];

export function SpeakerDot({ place }: { place: number }) {
  const hue = HUES[Math.max(0, place) % HUES.length];
  return <span aria-hidden className="inline-block size-2.5 shrink-0 rounded-full" style={{ background: `hsl(${hue} 55% 50%)` }} />;
}

export function SpeakerName({ name, place }: { name: string; place: number }) {
  return (
    <p className="flex items-center gap-1.5 text-sm font-semibold">
      <SpeakerDot place={place} />
      <bdi>{name}</bdi>
    </p>
  );
}
