const CODE_OR_MATHS =
  /(`+)[^`][\s\S]*?\1|\\\(([\s\S]+?)\\\)|\\\[([\s\S]+?)\\\]|\$\$([^$]+)\$\$|(?<![\\$\w])\$(?=[^\s$])((?:\\.|[^\\$\n])*?[^\s\\$])\$(?![\d$])|(?<!\\)\$/g;

/**
 * Text with its maths written as remark-math reads it, and whether there is any.
 *
 * Dollars that only mean money are escaped: maths has no blank inside its dollars, nor a digit behind the last one
 * (as Pandoc reads it). `\(…\)` and `\[…\]`, as many models write, become dollars.
 */
export function mathsOf(text: string): { text: string; maths: boolean } {
  if (!text.includes("$") && !text.includes("\\(") && !text.includes("\\[")) return { text, maths: false };
  let maths = false;
  const written = text.replace(CODE_OR_MATHS, (whole, code, round, square, display, inline) => {
    if (code) return whole;
    const formula = (round ?? square ?? display ?? inline) as string | undefined;
    if (formula === undefined) return "\\$";
    maths = true;
    return square !== undefined || display !== undefined ? `$$${formula.trim()}$$` : `$${formula.trim()}$`;
  });
  return { text: written, maths };
}
