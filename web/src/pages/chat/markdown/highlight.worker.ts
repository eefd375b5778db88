import hljs from "highlight.js/lib/common";

/** A run of characters of one colour: its class ("" = none) and its text. */
export type Token = [kind: string, text: string];

export interface ToColour {
  id: number;
  code: string;
  language: string;
}

export interface Coloured {
  id: number;
  /** Tokens of each line; null = the language is not known. */
  lines: Token[][] | null;
}

const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

/** The lines of highlight.js's HTML as plain data: nothing of it is ever read as HTML. */
function linesOf(html: string): Token[][] {
  const lines: Token[][] = [[]];
  const kinds: string[] = [];
  for (const [piece] of html.matchAll(/<span class="[^"]*">|<\/span>|[^<]+/g)) {
    if (piece === "</span>") kinds.pop();
    else if (piece.startsWith("<span")) kinds.push(piece.slice(13, -2).split(" ")[0] ?? "");
    else addText(lines, kinds.at(-1) ?? "", piece);
  }
  return lines;
}

function addText(lines: Token[][], kind: string, escaped: string): void {
  const text = escaped.replace(/&(amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity]!);
  text.split("\n").forEach((part, index) => {
    if (index > 0) lines.push([]);
    if (part) lines.at(-1)!.push([kind, part]);
  });
}

self.onmessage = ({ data }: MessageEvent<ToColour>): void => {
  const known = hljs.getLanguage(data.language) !== undefined;
  const lines = known ? linesOf(hljs.highlight(data.code, { language: data.language, ignoreIllegals: true }).value) : null;
  self.postMessage({ id: data.id, lines } satisfies Coloured);
};
