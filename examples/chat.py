"""One answer, and who gave it."""

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("ROUNDHOUSE_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["ROUNDHOUSE_API_KEY"],
)

question = " ".join(sys.argv[1:]) or "The train leaves at nine. When does the train leave?"
raw = client.chat.completions.with_raw_response.create(
    model=os.environ.get("MODEL", "auto"), messages=[{"role": "user", "content": question}]
)
answer = raw.parse()

print(answer.choices[0].message.content)
print(f"-- {raw.headers['x-roundhouse-model']} ({raw.headers['x-roundhouse-decision']})")
print(f"-- {answer.usage.total_tokens} tokens, {raw.headers['x-roundhouse-attempts']} attempt(s)")
