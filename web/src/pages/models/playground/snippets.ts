/** One request, as a shell and as Python would send it. */
export interface Snippets {
  curl: string;
  python: string;
}

const CLIENT = (base: string): string => `import os
import openai

client = openai.OpenAI(base_url=${quoted(base)}, api_key=os.environ["ROUNDHOUSE_KEY"])
`;

/** A text as a literal of Python: JSON's strings are ones. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A text as one word of a shell. */
function word(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(base: string, path: string, body: unknown, flags = ""): string {
  return [
    `curl ${flags}${word(`${base}/${path}`)} \\`,
    `  -H "Authorization: Bearer $ROUNDHOUSE_KEY" -H 'Content-Type: application/json' \\`,
    `  -d ${word(JSON.stringify(body))}`,
  ].join("\n");
}

export interface ChatAsked {
  model: string;
  messages: { role: string; content: string }[];
}

export function chatSnippets(base: string, asked: ChatAsked): Snippets {
  const messages = asked.messages.map((one) => `        {"role": ${quoted(one.role)}, "content": ${quoted(one.content)}},`);
  return {
    curl: curl(base, "chat/completions", { ...asked, stream: true }, "-N "),
    python: `${CLIENT(base)}stream = client.chat.completions.create(
    model=${quoted(asked.model)},
    messages=[
${messages.join("\n")}
    ],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`,
  };
}

export function embeddingSnippets(base: string, model: string, input: string[]): Snippets {
  return {
    curl: curl(base, "embeddings", { model, input }),
    python: `${CLIENT(base)}answer = client.embeddings.create(
    model=${quoted(model)},
    input=[${input.map(quoted).join(", ")}],
)
for one in answer.data:
    print(len(one.embedding), one.embedding[:8])
`,
  };
}

export function transcriptionSnippets(base: string, model: string, file: string, language: string): Snippets {
  const name = file.replaceAll('"', "");
  return {
    curl: [
      `curl ${word(`${base}/audio/transcriptions`)} \\`,
      `  -H "Authorization: Bearer $ROUNDHOUSE_KEY" \\`,
      `  -F ${word(`model=${model}`)}${language ? ` -F ${word(`language=${language}`)}` : ""} -F ${word(`file=@"${name}"`)}`,
    ].join("\n"),
    python: `${CLIENT(base)}with open(${quoted(file)}, "rb") as file:
    heard = client.audio.transcriptions.create(model=${quoted(model)}, file=file${language ? `, language=${quoted(language)}` : ""})
print(heard.text)
`,
  };
}
