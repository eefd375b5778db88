import type { Element, ElementContent, Root } from "hast";
import katex, { type KatexOptions } from "katex";

/** No links and pictures out of formulas (`trust`), no endless macros, no letters as large as the page. */
const OPTIONS: KatexOptions = { throwOnError: false, strict: "ignore", trust: false, maxExpand: 200, maxSize: 20 };
const PIECE = /<\/([a-zA-Z]+)>|<([a-zA-Z]+)((?:\s+[\w:-]+=(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|[^<]+/g;
const ATTRIBUTE = /([\w:-]+)=(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

function unescape(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name: string) => ENTITIES[name]!);
}

/**
 * The elements of KaTeX's markup, which is regular: every tag is closed, every value quoted.
 *
 * A browser's own parser would apply its `style` attributes while it reads them, and the page's policy refuses that; of
 * what stands here React sets each property by itself.
 */
function elementsOf(markup: string): ElementContent[] {
  const root: Element = { type: "element", tagName: "span", properties: {}, children: [] };
  const open = [root];
  for (const [piece, closing, tag, attributes, empty] of markup.matchAll(PIECE)) {
    const parent = open.at(-1)!;
    if (closing) {
      if (open.length > 1) open.pop();
    } else if (tag) {
      const element: Element = { type: "element", tagName: tag, properties: {}, children: [] };
      for (const [, name, double, single] of (attributes ?? "").matchAll(ATTRIBUTE)) {
        element.properties[name!] = unescape(double ?? single ?? "");
      }
      parent.children.push(element);
      if (!empty) open.push(element);
    } else {
      parent.children.push({ type: "text", value: unescape(piece) });
    }
  }
  return root.children;
}

function formula(source: string, displayMode: boolean): ElementContent[] {
  return elementsOf(katex.renderToString(source, { ...OPTIONS, displayMode }));
}

function sourceOf(element: Element): string {
  return element.children.map((child) => (child.type === "text" ? child.value : child.type === "element" ? sourceOf(child) : "")).join("");
}

function has(element: ElementContent | undefined, name: string): element is Element {
  const classes = element?.type === "element" ? element.properties.className : undefined;
  return Array.isArray(classes) && classes.includes(name);
}

/** A rehype plugin that draws what remark-math found. */
export function drawMaths() {
  return visit;
}

function visit(parent: Root | Element): void {
  parent.children = parent.children.flatMap((child): typeof parent.children => {
    if (child.type !== "element") return [child];
    const inner = child.tagName === "pre" ? child.children[0] : undefined;
    if (has(inner, "math-display")) return formula(sourceOf(inner), true);
    if (has(child, "math-inline")) return formula(sourceOf(child), false);
    visit(child);
    return [child];
  }) as ElementContent[];
}
