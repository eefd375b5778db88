import type { Element, ElementContent, Root } from "hast";

const MARK = /\[(\d{1,3})\]/g;

/** Makes the marks `[1]` of an answer elements `sup` that hold the number, except in code and links. */
export function markCitations() {
  return visit;
}

function visit(parent: Root | Element): void {
  const children: ElementContent[] = [];
  for (const child of parent.children) {
    if (child.type === "element") {
      if (!["code", "pre", "a"].includes(child.tagName)) visit(child);
      children.push(child);
    } else if (child.type === "text") {
      children.push(...cut(child.value));
    } else if (child.type !== "doctype") {
      children.push(child);
    }
  }
  parent.children = children;
}

function cut(text: string): ElementContent[] {
  const pieces: ElementContent[] = [];
  let from = 0;
  for (const found of text.matchAll(MARK)) {
    if (found.index > from) pieces.push({ type: "text", value: text.slice(from, found.index) });
    pieces.push({ type: "element", tagName: "sup", properties: { dataCitation: Number(found[1]) }, children: [] });
    from = found.index + found[0].length;
  }
  if (from < text.length) pieces.push({ type: "text", value: text.slice(from) });
  return pieces;
}
