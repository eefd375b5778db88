"""What code written for OpenAI's client does, against a running product; works with its versions 2 and 3."""

import json
import struct
from base64 import b64decode

import openai
from checking import raised, run
from pydantic import BaseModel

HELLO = [{"role": "user", "content": "Hello there, general."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Sum(BaseModel):
    total: int


def client(house, **options):
    return openai.OpenAI(**{"base_url": house.url, "api_key": house.key, "max_retries": 0, **options})


def check_models(house):
    listed = [model.id for model in client(house).models.list()]
    assert {"talk/m", "roundhouse/minilm", "auto"} <= set(listed), listed
    found = client(house).models.retrieve("talk/m")
    assert (found.id, found.object, found.owned_by) == ("talk/m", "model", "talk"), found
    lost = raised(openai.NotFoundError, client(house).models.retrieve, "nobody/nothing")
    assert lost.code == "model_not_found"


def check_chat(house):
    answer = client(house).chat.completions.create(
        model="talk/m", messages=HELLO, temperature=0.2, seed=1, user="u"
    )
    assert answer.choices[0].message.content == "You said: Hello there, general."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id


def check_stream_with_usage(house):
    options = {"model": "talk/m", "messages": HELLO, "stream": True}
    with client(house).chat.completions.create(**options, stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "You said: Hello there, general."
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 5)
    assert all(chunk.usage is None for chunk in client(house).chat.completions.create(**options))


def check_stream_helper(house):
    with client(house).chat.completions.stream(model="talk/m", messages=HELLO) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == "You said: Hello there, general."


def check_a_stream_left_early(house):
    with client(house).chat.completions.create(model="drip/m", messages=HELLO, stream=True) as stream:
        heard = [next(iter(stream)) for _ in range(5)]
    assert len(heard) == 5


def check_tools(house):
    create = client(house).chat.completions.create
    first = create(model="talk/m", messages=HELLO, tools=[WEATHER]).choices[0]
    assert first.finish_reason == "tool_calls"
    (call,) = first.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Hanoi"})
    turns = [*HELLO, first.message, {"role": "tool", "tool_call_id": call.id, "content": "31 °C"}]
    assert (
        create(model="talk/m", messages=turns, tools=[WEATHER]).choices[0].message.content
        == "You said: 31 °C"
    )


def check_streamed_tools(house):
    with client(house).chat.completions.stream(model="talk/m", messages=HELLO, tools=[WEATHER]) as stream:
        kinds = [event.type for event in stream]
        (call,) = stream.get_final_completion().choices[0].message.tool_calls
    assert "tool_calls.function.arguments.delta" in kinds
    assert call.function.parsed_arguments == {"city": "Hanoi"}


def check_parse(house):
    parsed = client(house).chat.completions.parse(model="form/m", messages=HELLO, response_format=Sum)
    assert parsed.choices[0].message.parsed == Sum(total=4)


def check_completions(house):
    answer = client(house).completions.create(model="talk/m", prompt="Hello there, general.", max_tokens=3)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("You said: Hello ", "length")
    stream = client(house).completions.create(model="talk/m", prompt="Hello there.", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "You said: Hello there."


def check_embeddings(house):
    # Without an encoding the client asks for base64 and unpacks it itself.
    default = client(house).embeddings.create(model="roundhouse/minilm", input=["a cat", "tax law"])
    plain = client(house).embeddings.create(model="roundhouse/minilm", input="a cat", encoding_format="float")
    packed = client(house).embeddings.create(
        model="roundhouse/minilm", input="a cat", encoding_format="base64"
    )
    assert (len(default.data), default.data[1].index, len(default.data[0].embedding)) == (2, 1, 384)
    vector = struct.unpack("<384f", b64decode(packed.data[0].embedding))
    for other in (default.data[0].embedding, plain.data[0].embedding):
        assert max(abs(a - b) for a, b in zip(vector, other, strict=True)) < 1e-5
    short = client(house).embeddings.create(model="roundhouse/minilm", input="a cat", dimensions=32)
    assert len(short.data[0].embedding) == 32
    assert default.usage.total_tokens > 0


def check_responses(house):
    told = client(house).responses.create(model="talk/m", input="Hello.", instructions="Be kind.")
    assert (told.output_text, told.status) == ("You said: Hello.", "completed")
    assert told.usage.input_tokens > 0
    parsed = client(house).responses.parse(model="form/m", input="2+2?", text_format=Sum)
    assert parsed.output_parsed == Sum(total=4)


def check_streamed_responses(house):
    events = list(client(house).responses.create(model="talk/m", input="Hello there.", stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert (
        "".join(e.delta for e in events if e.type == "response.output_text.delta") == "You said: Hello there."
    )
    assert [e.sequence_number for e in events] == list(range(len(events)))
    with client(house).responses.stream(model="talk/m", input="Hello.") as stream:
        assert stream.get_final_response().output_text == "You said: Hello."


def check_sign_in(house):
    stranger = client(house, api_key="rh_unknown_0000")
    refused = raised(
        openai.AuthenticationError, stranger.chat.completions.create, model="talk/m", messages=HELLO
    )
    assert (refused.status_code, refused.code) == (401, "not_signed_in")
    narrow = client(house, api_key=house.narrow_key)
    assert narrow.chat.completions.create(model="talk/m", messages=HELLO).choices
    denied = raised(
        openai.PermissionDeniedError, narrow.chat.completions.create, model="form/m", messages=HELLO
    )
    assert denied.code == "not_allowed"


def check_bad_requests(house):
    create = client(house).chat.completions.create
    lost = raised(openai.NotFoundError, create, model="llama2:7b", messages=HELLO)
    assert (lost.code, lost.param, lost.type) == ("model_not_found", "model", "invalid_request_error")
    empty = raised(openai.BadRequestError, create, model="talk/m", messages=[])
    assert (empty.param, empty.type) == ("messages", "invalid_request_error")
    long = raised(openai.BadRequestError, create, model="small/m", messages=HELLO)
    assert long.code == "context_length_exceeded"
    stream = raised(openai.BadRequestError, create, model="small/m", messages=HELLO, stream=True)
    assert stream.code == "context_length_exceeded"
    picture = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}]}
    ]
    assert raised(openai.BadRequestError, create, model="talk/m", messages=picture).code == "address_refused"


def check_busy(house):
    create = client(house).chat.completions.create
    busy = raised(openai.RateLimitError, create, model="busy/m", messages=HELLO)
    assert busy.code == "backend_busy"
    assert int(busy.response.headers["retry-after"]) >= 6
    limited = client(house, api_key=house.limited_key)
    assert limited.chat.completions.create(model="talk/m", messages=HELLO).choices
    over = raised(openai.RateLimitError, limited.chat.completions.create, model="talk/m", messages=HELLO)
    assert over.code == "rate_limit_exceeded"
    assert 0 < int(over.response.headers["retry-after"]) <= 60


def check_failures(house):
    down = raised(
        openai.InternalServerError, client(house).chat.completions.create, model="down/m", messages=HELLO
    )
    assert (down.status_code, down.code) == (503, "backend_down")
    stream = client(house).chat.completions.create(model="cut/m", messages=HELLO, stream=True)
    heard = []
    cut = raised(openai.APIError, lambda: heard.extend(chunk for chunk in iter_into(stream, heard)))
    assert heard
    assert "scripted failure" in str(cut)


def iter_into(stream, heard):
    for chunk in stream:
        heard.append(chunk)
    return ()


def check_retries_of_the_client_itself(house):
    # The first call fails once; the client tries again by itself because the answer says that it may.
    patient = client(house, max_retries=2)
    assert patient.chat.completions.create(model="once/m", messages=HELLO).choices


def check_time_outs(house):
    hasty = client(house, timeout=0.5)
    raised(openai.APITimeoutError, hasty.chat.completions.create, model="slow/m", messages=HELLO)


def check_raw_response(house):
    raw = client(house).chat.completions.with_raw_response.create(model="talk/m", messages=HELLO)
    assert raw.headers["x-roundhouse-model"] == "talk/m"
    assert raw.headers["x-roundhouse-attempts"] == "1"
    assert raw.headers["x-request-id"]
    assert raw.parse().choices[0].message.content
    with client(house).chat.completions.with_streaming_response.create(
        model="talk/m", messages=HELLO
    ) as told:
        assert json.loads(told.read())["object"] == "chat.completion"


def check_the_other_prefix(house):
    elsewhere = client(house, base_url=house.url.replace("/v1", "/api/v1"))
    assert elsewhere.chat.completions.create(model="talk/m", messages=HELLO).choices
    assert elsewhere.models.retrieve("talk/m").id == "talk/m"


async def check_the_asynchronous_client(house):
    async with openai.AsyncOpenAI(base_url=house.url, api_key=house.key, max_retries=0) as own:
        answer = await own.chat.completions.create(model="talk/m", messages=HELLO)
        assert answer.choices[0].message.content == "You said: Hello there, general."
        stream = await own.chat.completions.create(model="talk/m", messages=HELLO, stream=True)
        assert [chunk async for chunk in stream]
        async with own.responses.stream(model="talk/m", input="Hello.") as events:
            assert (await events.get_final_response()).output_text == "You said: Hello."
        made = await own.embeddings.create(model="roundhouse/minilm", input="a cat")
        assert len(made.data[0].embedding) == 384
        assert "talk/m" in [model.id async for model in own.models.list()]


if __name__ == "__main__":
    run(globals(), openai.__version__)
