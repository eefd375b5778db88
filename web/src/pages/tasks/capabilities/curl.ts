/** A text as one word of a shell. */
function word(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The same call for a shell. */
export function curlOf(origin: string, name: string, input: unknown): string {
  return [
    `curl ${word(`${origin}/v1/run/${name}`)} \\`,
    `  -H "Authorization: Bearer $ROUNDHOUSE_KEY" -H 'Content-Type: application/json' \\`,
    `  -d ${word(JSON.stringify(input))}`,
  ].join("\n");
}
