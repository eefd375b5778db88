"""A model that calls your function. Needs a model with tools: MODEL=ollama/qwen3:4b python examples/tools.py"""

import json
import os
import sys

from openai import OpenAI

TOOL = {
    "type": "function",
    "function": {
        "name": "departure",
        "description": "When the next train to a place leaves.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}


def departure(place: str) -> str:
    """What a real program would look up."""
    return f"The next train to {place} leaves at 9:12 from track 3."


client = OpenAI(
    base_url=os.environ.get("ROUNDHOUSE_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["ROUNDHOUSE_API_KEY"],
)
messages = [{"role": "user", "content": " ".join(sys.argv[1:]) or "When does the next train to Hue leave?"}]
for _ in range(5):
    answer = client.chat.completions.create(model=os.environ["MODEL"], messages=messages, tools=[TOOL])
    message = answer.choices[0].message
    messages.append(message.to_dict())
    if not message.tool_calls:
        print(message.content)
        break
    for call in message.tool_calls:
        print(f"-- {call.function.name}({call.function.arguments})")
        found = departure(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": found})
