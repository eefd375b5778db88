import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

import type { Coloured, ToColour, Token } from "./highlight.worker";

/** Colours code in a thread of its own: a long listing never holds up the page. */
class Colourist {
  private worker: Worker | null = null;
  private waiting = new Map<number, (lines: Token[][] | null) => void>();
  private next = 1;

  colour(code: string, language: string): Promise<Token[][] | null> {
    return new Promise((resolve) => {
      const id = this.next++;
      this.waiting.set(id, resolve);
      this.thread().postMessage({ id, code, language } satisfies ToColour);
    });
  }

  close(): void {
    this.worker?.terminate();
    this.worker = null;
    this.waiting.clear();
  }

  private thread(): Worker {
    if (this.worker) return this.worker;
    this.worker = new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }: MessageEvent<Coloured>) => {
      this.waiting.get(data.id)?.(data.lines);
      this.waiting.delete(data.id);
    };
    return this.worker;
  }
}

const ColourContext = createContext<Colourist | null>(null);

export function Colours({ children }: { children: ReactNode }) {
  const colourist = useMemo(() => new Colourist(), []);
  useEffect(() => () => colourist.close(), [colourist]);
  return <ColourContext value={colourist}>{children}</ColourContext>;
}

/** Tokens of each line of code that is finished; null until they are there, and where the language is not known. */
export function useColours(code: string, language: string, closed: boolean): Token[][] | null {
  const colourist = useContext(ColourContext);
  const [lines, setLines] = useState<Token[][] | null>(null);
  useEffect(() => {
    if (!closed || !language || !colourist) return;
    let wanted = true;
    void colourist.colour(code, language.toLowerCase()).then((found) => {
      if (wanted) setLines(found);
    });
    return () => {
      wanted = false;
    };
  }, [code, language, closed, colourist]);
  return lines;
}
