/** How the lines of a chart look, in their order; they are told apart without their colours as well. */
export const LOOKS = [
  { colour: "--accent", text: "text-accent", dash: [] },
  { colour: "--warn", text: "text-warn", dash: [6, 3] },
  { colour: "--good", text: "text-good", dash: [2, 2] },
  { colour: "--bad", text: "text-bad", dash: [9, 3, 2, 3] },
  { colour: "--muted", text: "text-muted", dash: [1, 3] },
];

/** The look of a line; with many lines, looks come again. */
export function lookOf(place: number): { colour: string; text: string; dash: number[] } {
  return LOOKS[place % LOOKS.length] ?? { colour: "--accent", text: "text-accent", dash: [] };
}
