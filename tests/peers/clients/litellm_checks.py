"""What code written for LiteLLM does when the product is its OpenAI-compatible endpoint."""

import json
import os
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it dials out when it is imported

import litellm
from checking import raised, run

HELLO = [{"role": "user", "content": "Hello there, general."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def asking(house, model, **options):
    return {
        "model": f"openai/{model}",
        "api_base": house.url,
        "api_key": house.key,
        "num_retries": 0,
        "max_retries": 0,
        **options,
    }


def check_completion(house):
    answer = litellm.completion(**asking(house, "talk/m"), messages=HELLO)
    assert answer.choices[0].message.content == "You said: Hello there, general."
    assert answer.usage.total_tokens > 0


def check_stream(house):
    stream = litellm.completion(
        **asking(house, "talk/m"), messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    whole = litellm.stream_chunk_builder(chunks, messages=HELLO)
    assert whole.choices[0].message.content == "You said: Hello there, general."
    assert whole.usage.completion_tokens == 5


def check_tools(house):
    answer = litellm.completion(**asking(house, "talk/m"), messages=HELLO, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Hanoi"}
    turns = [*HELLO, answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "31"}]
    second = litellm.completion(**asking(house, "talk/m"), messages=turns, tools=[WEATHER])
    assert second.choices[0].message.content == "You said: 31"


def check_embedding(house):
    made = litellm.embedding(**asking(house, "roundhouse/minilm"), input=["a cat", "tax law"])
    assert [len(item["embedding"]) for item in made.data] == [384, 384]


def check_text_completion(house):
    told = litellm.text_completion(
        **asking(house, "talk/m") | {"model": "text-completion-openai/talk/m"}, prompt="Hello there."
    )
    assert told.choices[0].text == "You said: Hello there."


def check_responses(house):
    told = litellm.responses(**asking(house, "talk/m"), input="Hello.")
    assert told.output[0].content[0].text == "You said: Hello."


def check_errors(house):
    def fails(kind, model, **options):
        return raised(kind, litellm.completion, **asking(house, model, **options), messages=HELLO)

    fails(litellm.AuthenticationError, "talk/m", api_key="rh_unknown_0000")
    fails(litellm.NotFoundError, "nobody/nothing")
    fails(litellm.ContextWindowExceededError, "small/m")
    fails(litellm.RateLimitError, "busy/m")
    fails(litellm.ServiceUnavailableError, "down/m")
    fails(litellm.Timeout, "slow/m", timeout=0.5)


async def check_asynchronous(house):
    stream = await litellm.acompletion(**asking(house, "talk/m"), messages=HELLO, stream=True)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "You said: Hello there, general."


if __name__ == "__main__":
    run(globals(), version("litellm"))
