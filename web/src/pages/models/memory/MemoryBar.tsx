import clsx from "clsx";

export interface Piece {
  name: string;
  mib: number;
  /** Tailwind class of its colour. */
  shade: string;
}

const SHADES = ["bg-accent", "bg-accent/60", "bg-good", "bg-accent/35", "bg-good/55"] as const;

/** Colour of the nth model of a bar, the same in the bar and in the list below it. */
export function shadeOf(index: number): string {
  return SHADES[index % SHADES.length]!;
}

/** A bar that is filled piece by piece, in the direction of reading. */
export function MemoryBar({ label, pieces, whole }: { label: string; pieces: Piece[]; whole: number }) {
  return (
    <div role="img" aria-label={label} className="flex h-5 gap-px overflow-hidden rounded-md bg-sunken">
      {pieces
        .filter((piece) => piece.mib > 0 && whole > 0)
        .map((piece) => (
          <div
            key={piece.name}
            title={piece.name}
            className={clsx("h-full min-w-1 transition-[inline-size]", piece.shade)}
            style={{ inlineSize: `${(piece.mib / whole) * 100}%` }}
          />
        ))}
    </div>
  );
}
