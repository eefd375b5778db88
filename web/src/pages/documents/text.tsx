import { Fragment, type ReactNode } from "react";

/** From where to where, in characters (code points) as the server counts them; the end is behind the last one. */
export type Span = readonly [start: number, end: number];

/** A text cut at spans: in order, each piece with whether it is inside one. Spans outside of the text are left out. */
export function cut(text: string, spans: readonly Span[]): { text: string; inside: boolean }[] {
  if (spans.length === 0) return [{ text, inside: false }];
  // JavaScript counts UTF-16 units, the server characters.
  const chars = Array.from(text);
  const pieces: { text: string; inside: boolean }[] = [];
  let place = 0;
  for (const [start, end] of [...spans].sort((one, other) => one[0] - other[0])) {
    const from = Math.max(place, start);
    const to = Math.min(end, chars.length);
    if (to <= from) continue;
    if (from > place) pieces.push({ text: chars.slice(place, from).join(""), inside: false });
    pieces.push({ text: chars.slice(from, to).join(""), inside: true });
    place = to;
  }
  if (place < chars.length) pieces.push({ text: chars.slice(place).join(""), inside: false });
  return pieces;
}

/** A text with some of it marked. */
export function Marked({ text, spans }: { text: string; spans: readonly Span[] }): ReactNode {
  return cut(text, spans).map((piece, index) =>
    piece.inside ? (
      <mark key={index} className="rounded-sm bg-warn-soft text-ink">
        {piece.text}
      </mark>
    ) : (
      <Fragment key={index}>{piece.text}</Fragment>
    ),
  );
}
