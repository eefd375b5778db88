"""The built-in chat model behind OpenAI's wire."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from roundhouse.backends.chat.extractive import CONTEXT_TOKENS, MAX_PROMPTS, ExtractiveChat, model_info
from roundhouse.backends.extractive import phrases
from roundhouse.backends.extractive.answer import count_tokens
from roundhouse.core import wire
from roundhouse.core.errors import BadInput, ModelNotFound, NotSupported, RoundhouseError, UnsupportedContent
from roundhouse.core.ports import AnswerStream, BackendContext, ChatBackend
from roundhouse.core.types import Caller, ModelRequest, Operation, Provider, Usage

LAN = [
    {"role": "user", "content": "My name is Lan and I am 30."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "What is my name?"},
]
QUOTE = "“My name is Lan and I am 30.”"


class StandingClock:
    def now_s(self) -> float:
        return 1_800_000_000.7

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


@pytest.fixture
def backend(tmp_path: Path) -> ChatBackend:
    context = BackendContext(
        http=cast("Any", None),
        media=cast("Any", None),
        data_dir=tmp_path,
        clock=StandingClock(),
        hosts=cast("Any", None),
    )
    return ExtractiveChat(Provider(name="roundhouse", kind="builtin"), context)


def request(
    operation: Operation = "chat", *, stream: bool = False, include_usage: bool = False, **fields: Any
) -> ModelRequest:
    return ModelRequest(
        operation=operation,
        model="roundhouse/extractive",
        fields={name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()},
        caller=Caller(key_id="open"),
        stream=stream,
        include_usage=include_usage,
    )


async def whole(backend: ChatBackend, operation: Operation = "chat", **fields: Any) -> dict[str, Any]:
    answer = await backend.chat(request(operation, **fields), "extractive")
    assert wire.check_answer(answer.body) == answer.usage
    body: dict[str, Any] = json.loads(answer.body)
    return body


async def events(stream: AnswerStream, *, wants_usage: bool = False) -> list[dict[str, Any]]:
    """All events, each checked by the scanner that the engine puts behind every stream."""
    scanner = wire.EventScanner(wants_usage=wants_usage)
    found: list[dict[str, Any]] = []
    async for piece in stream:
        assert scanner.feed(piece) == piece
        assert piece.startswith(b"data: ")
        assert piece.endswith(b"\n\n")
        found.append(json.loads(piece[6:]))
    assert scanner.finished
    assert scanner.end() == b""
    return found


async def test_the_whole_answer(backend: ChatBackend) -> None:
    body = await whole(backend, messages=LAN, temperature=0.3, seed=4, user="x", stream=False)
    assert body["id"].startswith("chatcmpl_")
    assert body["object"] == "chat.completion"
    assert body["created"] == 1_800_000_000
    assert body["model"] == "extractive"
    (choice,) = body["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "stop"
    assert choice["message"] == {
        "role": "assistant",
        "content": f"{QUOTE}\n\n{phrases.QUOTED['en']}",
        "refusal": None,
    }
    text = choice["message"]["content"]
    prompt = sum(count_tokens(message["content"]) for message in LAN)
    assert body["usage"] == {
        "prompt_tokens": prompt,
        "completion_tokens": count_tokens(text),
        "total_tokens": prompt + count_tokens(text),
    }


@pytest.mark.parametrize(
    "messages",
    [
        LAN,
        [
            {"role": "user", "content": "我叫张三,今年25岁"},
            {"role": "user", "content": "我叫什么名字?多大了?"},
        ],
        [{"role": "user", "content": "קוראים לי דנה"}, {"role": "user", "content": "מה שמי?"}],
        [{"role": "user", "content": "Xin chào!"}],
    ],
)
@pytest.mark.parametrize("extra", [{}, {"max_tokens": 7}, {"stop": [" "]}])
async def test_a_stream_says_what_the_whole_says(
    backend: ChatBackend, messages: Any, extra: dict[str, Any]
) -> None:
    body = await whole(backend, messages=messages, **extra)
    stream = await backend.stream(
        request(stream=True, include_usage=True, messages=messages, **extra), "extractive"
    )
    found = await events(stream, wants_usage=True)
    assert {event["object"] for event in found} == {"chat.completion.chunk"}
    assert len({event["id"] for event in found}) == 1
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = [choice for event in found for choice in event["choices"]]
    assert (
        "".join(choice["delta"].get("content", "") for choice in said)
        == body["choices"][0]["message"]["content"]
    )
    reasons = [choice["finish_reason"] for choice in said]
    assert reasons[-1] == body["choices"][0]["finish_reason"]
    assert set(reasons[:-1]) == {None}
    assert found[-1]["choices"] == []
    assert found[-1]["usage"] == body["usage"]
    assert stream.usage == Usage(body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"])


async def test_a_long_answer_comes_in_many_pieces_without_usage_unless_asked(backend: ChatBackend) -> None:
    for content in ("Hello", "你好"):
        stream = await backend.stream(
            request(stream=True, messages=[{"role": "user", "content": content}]), "extractive"
        )
        found = await events(stream)
        assert len(found) > 20
        assert all("usage" not in event and event["choices"] for event in found)
        assert stream.usage.completion_tokens > 20


async def test_max_tokens_cuts(backend: ChatBackend) -> None:
    limits: list[dict[str, Any]] = [{"max_tokens": 5}, {"max_completion_tokens": 5}]
    for limit in limits:
        body = await whole(backend, messages=LAN, **limit)
        assert body["choices"][0]["finish_reason"] == "length"
        assert body["usage"]["completion_tokens"] == 5
        assert f"{QUOTE}\n".startswith(body["choices"][0]["message"]["content"])
    body = await whole(backend, messages=LAN, max_tokens=100_000)
    assert body["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stop", ["Lan", ["zzz", "Lan", " and"]])
async def test_stop_ends_before_the_mark(backend: ChatBackend, stop: Any) -> None:
    body = await whole(backend, messages=LAN, stop=stop)
    assert body["choices"][0]["message"]["content"] == "“My name is "
    assert body["choices"][0]["finish_reason"] == "stop"


async def test_content_in_parts_of_text(backend: ChatBackend) -> None:
    parts = [{"type": "text", "text": "My name is Lan."}, {"type": "text", "text": "What is my name?"}]
    body = await whole(backend, messages=[{"role": "user", "content": parts}])
    assert body["choices"][0]["message"]["content"].startswith("“My name is Lan.”")


async def test_tool_results_and_empty_contents_are_read(backend: ChatBackend) -> None:
    messages = [
        {"role": "developer", "content": ""},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "The train to Hue leaves at 9:40."},
        {"role": "user", "content": "When does the train to Hue leave?"},
    ]
    body = await whole(backend, messages=messages)
    assert "9:40" in body["choices"][0]["message"]["content"]


NOT_SUPPORTED = {
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "auto",
    "functions": [{"name": "f"}],
    "function_call": "auto",
    "response_format": {"type": "json_object"},
    "logprobs": True,
    "top_logprobs": 2,
    "n": 2,
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "web_search_options": {},
}


@pytest.mark.parametrize("name", [*NOT_SUPPORTED, "json_schema"])
@pytest.mark.parametrize("streaming", [False, True])
async def test_what_it_cannot_do_is_refused_at_once(backend: ChatBackend, name: str, streaming: bool) -> None:
    fields = (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}
        if name == "json_schema"
        else {name: NOT_SUPPORTED[name]}
    )
    with pytest.raises(NotSupported) as caught:
        await (backend.stream if streaming else backend.chat)(request(messages=LAN, **fields), "extractive")
    assert caught.value.status == 400
    assert caught.value.param == next(iter(fields))


async def test_asking_nothing_of_it_is_no_fault(backend: ChatBackend) -> None:
    fields: dict[str, Any] = {
        "tools": [],
        "tool_choice": "none",
        "response_format": {"type": "text"},
        "logprobs": False,
        "n": 1,
        "stop": None,
    }
    body = await whole(backend, messages=LAN, modalities=["text"], top_logprobs=0, max_tokens=None, **fields)
    assert QUOTE in body["choices"][0]["message"]["content"]


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "video_url", "file"])
async def test_parts_that_are_not_text_are_refused(backend: ChatBackend, kind: str) -> None:
    content = [{"type": "text", "text": "What is it?"}, {"type": kind, kind: {"url": "http://x"}}]
    with pytest.raises(UnsupportedContent) as caught:
        await backend.chat(request(messages=[{"role": "user", "content": content}]), "extractive")
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"messages": None}, {"messages": []}, {"messages": "hi"}, {"messages": [1]},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "king", "content": "x"}]}, {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [{"text": "no type"}]}]}, {"messages": LAN, "max_tokens": 0},
        {"messages": LAN, "max_tokens": -1}, {"messages": LAN, "max_completion_tokens": 0},
        {"messages": LAN, "max_tokens": "9"},
        {"messages": LAN, "stop": 4}, {"messages": LAN, "stop": [1]},
    ],
)  # fmt: skip
async def test_malformed_requests(backend: ChatBackend, fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        await backend.chat(request(**fields), "extractive")


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 5000 + b"]" * 5000,
        b'[{"role":"user","content":' + b"[" * 5000 + b"]" * 5000 + b"}]",
        b'[{"role":"user","content":"\\ud800"}]',
    ],
)
async def test_hostile_json_is_a_typed_error_or_an_answer(backend: ChatBackend, raw: bytes) -> None:
    asked = request()
    asked.fields["messages"] = msgspec.Raw(raw)
    try:
        answer = await backend.chat(asked, "extractive")
    except RoundhouseError as error:
        assert isinstance(error, BadInput)
    else:
        wire.check_answer(answer.body)


async def test_other_models_are_not_here(backend: ChatBackend) -> None:
    with pytest.raises(ModelNotFound):
        await backend.chat(request(messages=LAN), "gpt-9")


async def test_completions(backend: ChatBackend) -> None:
    prompts = ["My name is Lan. What is my name?", "Xin chào!"]
    body = await whole(backend, "completions", prompt=prompts)
    assert body["object"] == "text_completion"
    assert body["id"].startswith("cmpl_")
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["choices"][0]["text"].startswith("“My name is Lan.”")
    assert body["choices"][1]["text"] == phrases.NOTHING["vi"]
    found = await events(
        await backend.stream(request("completions", stream=True, prompt=prompts), "extractive")
    )
    assert {event["object"] for event in found} == {"text_completion"}
    for index in (0, 1):
        said = [choice for event in found for choice in event["choices"] if choice["index"] == index]
        assert "".join(choice["text"] for choice in said) == body["choices"][index]["text"]
        assert [choice["finish_reason"] for choice in said if choice["finish_reason"]] == ["stop"]
    single = await whole(backend, "completions", prompt=prompts[0], best_of=1, echo=False, suffix="")
    assert single["choices"][0] == body["choices"][0]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, BadInput), ({"prompt": []}, BadInput), ({"prompt": {"a": 1}}, BadInput),
        ({"prompt": ["x"] * (MAX_PROMPTS + 1)}, BadInput),
        ({"prompt": [1, 2]}, NotSupported), ({"prompt": [[1, 2]]}, NotSupported),
        ({"prompt": "x", "echo": True}, NotSupported),
        ({"prompt": "x", "suffix": "y"}, NotSupported), ({"prompt": "x", "logprobs": 1}, NotSupported),
        ({"prompt": "x", "best_of": 3}, NotSupported),
    ],
)  # fmt: skip
async def test_completions_that_cannot_be(
    backend: ChatBackend, fields: dict[str, Any], error: type[BadInput]
) -> None:
    with pytest.raises(error):
        await backend.chat(request("completions", **fields), "extractive")


LONG = [
    {"role": "user", "content": "Number one is here. It rains on the hill. " * 25_000 + "\n\nSummarize this."}
]


async def test_a_closed_stream_stops_choosing(backend: ChatBackend) -> None:
    stream = await backend.stream(request(stream=True, messages=LONG), "extractive")
    running = aiter(stream)
    assert b'"role":"assistant"' in await anext(running)
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(running)
    await stream.aclose()
    assert stream.usage == Usage()


async def test_the_event_loop_goes_on_while_it_works(backend: ChatBackend) -> None:
    turns = 0
    done = asyncio.create_task(backend.chat(request(messages=LONG), "extractive"))
    while not done.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
    assert (await done).usage.prompt_tokens > 200_000


async def test_a_cancelled_request_frees_its_thread(backend: ChatBackend) -> None:
    tasks = [asyncio.create_task(backend.chat(request(messages=LONG), "extractive")) for _ in range(3)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    free = threading.Event()
    await asyncio.wait_for(asyncio.to_thread(free.set), 20)
    assert free.is_set()


async def test_closing_is_idempotent(backend: ChatBackend) -> None:
    await backend.close()
    await backend.close()


def test_what_it_tells_of_itself() -> None:
    info = model_info()
    assert info.id == "extractive"
    assert info.operations == ("chat", "completions")
    assert info.context_tokens == CONTEXT_TOKENS == 262_144
    assert info.tools is False
