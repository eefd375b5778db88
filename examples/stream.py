"""An answer piece by piece. A failure in the middle arrives as an error, not as a text that just stops."""

import os
import sys

from openai import APIError, OpenAI

client = OpenAI(
    base_url=os.environ.get("ROUNDHOUSE_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["ROUNDHOUSE_API_KEY"],
)

question = " ".join(sys.argv[1:]) or "The train leaves at nine. When does the train leave?"
stream = client.chat.completions.create(
    model=os.environ.get("MODEL", "auto"),
    messages=[{"role": "user", "content": question}],
    stream=True,
    stream_options={"include_usage": True},
)
try:
    for chunk in stream:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        elif chunk.usage:
            print(f"\n-- {chunk.usage.completion_tokens} tokens")
except APIError as error:
    print(f"\n-- cut off: {error.message}")
    sys.exit(1)
