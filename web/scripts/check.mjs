// What TypeScript does not see: directions that are not logical, and strings that one language lacks.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../src", import.meta.url));
const LANGUAGES = ["en", "vi", "zh", "he"];
const faults = [];

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

const PHYSICAL = [
  /(?<![\w-])-?(?:ml|mr|pl|pr|scroll-ml|scroll-mr|scroll-pl|scroll-pr|left|right|border-l|border-r|rounded-l|rounded-r|rounded-tl|rounded-tr|rounded-bl|rounded-br)-(?:\[|\(|\d|auto|px|full|none|sm|md|lg|xl|line|accent|bad|good|warn|transparent)/,
  /(?<![\w-])(?:border-l|border-r|rounded-l|rounded-r)(?=["'`\s])/,
  /(?<![\w-])(?:text|float|clear)-(?:left|right)(?![\w-])/,
  /(?<![\w-])(?:margin|padding|border)(?:Left|Right)\b/,
  /(?<![\w-])(?:margin|padding|border)-(?:left|right)\b/,
  /\btextAlign:\s*["'](?:left|right)/,
  /(?<![\w-])text-align:\s*(?:left|right)/,
  /^\s*(?:left|right):\s/,
  /[{,]\s*(?:left|right):\s/,
];

for (const file of files(root)) {
  if (!/\.(tsx?|css)$/.test(file) || file.endsWith("schema.d.ts")) continue;
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((line, number) => {
      // A line that must name a side (a coordinate of a canvas, say) gives its reason behind this mark.
      if (line.includes("physical:")) return;
      for (const pattern of PHYSICAL) {
        const match = pattern.exec(line);
        if (match) faults.push(`${relative(root, file)}:${number + 1}: ${match[0].trim()} is no logical direction`);
      }
    });
}

const PLURAL = /_(zero|one|two|few|many|other)$/;

function leaves(value, prefix = "") {
  if (typeof value === "string") return [[prefix, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, prefix ? `${prefix}.${key}` : key));
}

function placeholders(text) {
  return [...text.matchAll(/\{\{\s*(\w+)/g)].map((match) => match[1]).sort();
}

function compare(folder) {
  const read = {};
  for (const language of LANGUAGES) {
    const file = join(folder, `${language}.json`);
    try {
      read[language] = new Map(leaves(JSON.parse(readFileSync(file, "utf8"))));
    } catch (error) {
      faults.push(`${relative(root, file)}: ${error.message}`);
      return;
    }
  }
  const stem = (key) => key.replace(PLURAL, "");
  const wanted = new Map([...read.en].map(([key, text]) => [stem(key), { key, text }]));
  for (const language of LANGUAGES) {
    const here = `${relative(root, folder)}/${language}.json`;
    const stems = new Set([...read[language].keys()].map(stem));
    for (const key of wanted.keys()) if (!stems.has(key)) faults.push(`${here}: no string ${key}`);
    for (const key of stems) if (!wanted.has(key)) faults.push(`${here}: ${key} is not in en.json`);
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, text] of read[language]) {
      if (!text.trim()) faults.push(`${here}: ${key} is empty`);
      if (PLURAL.test(key)) {
        const category = PLURAL.exec(key)[1];
        if (category === "other") {
          for (const form of forms) {
            if (!read[language].has(`${stem(key)}_${form}`)) faults.push(`${here}: no string ${stem(key)}_${form}`);
          }
        }
        continue;
      }
      const english = wanted.get(stem(key))?.text;
      if (english !== undefined && placeholders(text).join() !== placeholders(english).join()) {
        faults.push(`${here}: ${key} has other placeholders than en.json`);
      }
    }
  }
}

const folders = new Set(files(root).filter((file) => /\/locales\/\w+\.json$/.test(file)).map((file) => join(file, "..")));
for (const folder of folders) compare(folder);

if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
