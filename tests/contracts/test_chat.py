"""What every chat backend promises (`core.ports.ChatBackend`, `AnswerStream`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.backends import CHAT, Bench, Case
from peers.asking import ask, parse_events, read_stream
from roundhouse.core.errors import BackendBusy, BackendFailed, RoundhouseError
from roundhouse.core.types import ModelRequest, Operation

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
QUESTION = {"role": "user", "content": "How is the weather in Huế?"}


@pytest.fixture(params=CHAT, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


def needs(case: Case, feature: str) -> None:
    if feature not in case.features:
        pytest.skip(f"{case.name} has no {feature}")


def asks(
    operation: Operation = "chat", *, stream: bool = False, usage: bool = False, **members: Any
) -> ModelRequest:
    if operation == "completions":
        members.setdefault("prompt", "Say hello")
    if stream:
        members["stream"] = True
    if usage:
        members["stream_options"] = {"include_usage": True}
    return ask(operation, include_usage=usage, **members)


async def whole(bench: Bench, request: ModelRequest) -> dict[str, Any]:
    answer = await bench.backend.chat(request, bench.model)
    body: dict[str, Any] = json.loads(answer.body)
    assert body["usage"]["prompt_tokens"] == answer.usage.prompt_tokens > 0
    assert body["usage"]["completion_tokens"] == answer.usage.completion_tokens > 0
    assert body["usage"]["total_tokens"] == answer.usage.total_tokens
    return body


async def streamed(bench: Bench, request: ModelRequest) -> list[dict[str, Any]]:
    stream = await bench.backend.stream(request, bench.model)
    try:
        return await read_stream(stream)
    finally:
        await stream.aclose()


def choices_of(chunks: list[dict[str, Any]], index: int = 0) -> list[dict[str, Any]]:
    return [choice for one in chunks for choice in one["choices"] if choice["index"] == index]


def text_of(choices: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def test_whole_answer(bench: Bench) -> None:
    body = await whole(bench, asks())
    assert body["object"] == "chat.completion"
    assert isinstance(body["id"], str) and isinstance(body["created"], int) and isinstance(body["model"], str)
    (choice,) = body["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]


async def test_stream_says_the_same(bench: Bench) -> None:
    body = await whole(bench, asks())
    chunks = await streamed(bench, asks(stream=True))
    assert {one["object"] for one in chunks} == {"chat.completion.chunk"}
    assert len({one["id"] for one in chunks}) == 1
    choices = choices_of(chunks)
    assert choices[0]["delta"]["role"] == "assistant"
    assert text_of(choices) == body["choices"][0]["message"]["content"]
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
    assert choices[-1]["finish_reason"] == "stop"


async def test_usage_chunk_only_when_asked(bench: Bench) -> None:
    expected = (await bench.backend.chat(asks(), bench.model)).usage
    for asked in (False, True):
        stream = await bench.backend.stream(asks(stream=True, usage=asked), bench.model)
        chunks = await read_stream(stream)
        await stream.aclose()
        assert stream.usage == expected
        without_choice = [one for one in chunks if not one["choices"]]
        if asked:
            assert without_choice == chunks[-1:]
            assert chunks[-1]["usage"]["total_tokens"] == expected.total_tokens
        else:
            assert without_choice == []


async def test_pieces_are_whole_events(bench: Bench) -> None:
    stream = await bench.backend.stream(asks(stream=True), bench.model)
    pieces = [piece async for piece in stream]
    await stream.aclose()
    assert pieces
    for piece in pieces:
        assert parse_events(piece)
        assert b"[DONE]" not in piece


async def test_closing_in_mid_stream_stops_the_source(case: Case) -> None:
    if case.endless is None:
        pytest.skip(f"{case.name} has no endless stream")
    async with case.endless() as bench:
        stream = await bench.backend.stream(asks(stream=True), bench.model)
        async for piece in stream:
            if parse_events(piece):
                break
        await stream.aclose()
        await stream.aclose()
        assert await bench.stopped()


async def test_cancelled_reader_stops_the_source(case: Case) -> None:
    if case.endless is None:
        pytest.skip(f"{case.name} has no endless stream")
    async with case.endless() as bench:
        begun = asyncio.Event()

        async def reading() -> None:
            stream = await bench.backend.stream(asks(stream=True), bench.model)
            try:
                async for _ in stream:
                    begun.set()
            finally:
                await stream.aclose()

        task = asyncio.create_task(reading())
        await asyncio.wait_for(begun.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await bench.stopped()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, BackendFailed, False),
        (404, RoundhouseError, False),
        (429, BackendBusy, True),
        (500, BackendFailed, True),
    ],
)
async def test_errors(
    case: Case, status: int, kind: type[RoundhouseError], retryable: bool, stream: bool
) -> None:
    if case.fails is None:
        pytest.skip(f"{case.name} has no server that fails")
    async with case.fails(status) as bench:
        with pytest.raises(kind) as caught:
            if stream:
                await bench.backend.stream(asks(stream=True), bench.model)
            else:
                await bench.backend.chat(asks(), bench.model)
    assert caught.value.retryable is retryable
    if status == 429:
        assert caught.value.retry_after_s == 7


async def test_n(case: Case, bench: Bench) -> None:
    needs(case, "n")
    body = await whole(bench, asks(n=2))
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    chunks = await streamed(bench, asks(stream=True, n=2))
    for index in (0, 1):
        choices = choices_of(chunks, index)
        assert text_of(choices) == body["choices"][index]["message"]["content"]
        assert choices[-1]["finish_reason"] == "stop"


async def test_stop(case: Case, bench: Bench) -> None:
    needs(case, "stop")
    full = (await whole(bench, asks()))["choices"][0]["message"]["content"]
    end = full.split()[-1]
    body = await whole(bench, asks(stop=end))
    cut = body["choices"][0]["message"]["content"]
    assert full.startswith(cut)
    assert end not in cut
    assert text_of(choices_of(await streamed(bench, asks(stream=True, stop=end)))) == cut


async def test_tool_round_trip(case: Case, bench: Bench) -> None:
    needs(case, "tools")
    body = await whole(bench, asks(messages=[QUESTION], tools=[TOOL]))
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function" and call["id"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Huế"}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "Rain, 24 degrees."}
    told = await whole(bench, asks(messages=[QUESTION, choice["message"], result], tools=[TOOL]))
    assert told["choices"][0]["message"]["content"]
    assert told["choices"][0]["finish_reason"] == "stop"


async def test_streamed_tool_call(case: Case, bench: Bench) -> None:
    needs(case, "tools")
    choices = choices_of(await streamed(bench, asks(stream=True, messages=[QUESTION], tools=[TOOL])))
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls") or ()]
    assert {call["index"] for call in calls} == {0}
    assert calls[0]["id"] and calls[0]["type"] == "function"
    assert calls[0]["function"]["name"] == "weather"
    arguments = "".join(call["function"].get("arguments") or "" for call in calls)
    assert json.loads(arguments) == {"city": "Huế"}
    assert choices[-1]["finish_reason"] == "tool_calls"


async def test_completions(case: Case, bench: Bench) -> None:
    needs(case, "completions")
    assert "completions" in bench.backend.operations
    body = await whole(bench, asks("completions"))
    assert body["object"] == "text_completion"
    (choice,) = body["choices"]
    assert choice["text"] and choice["finish_reason"] == "stop"
    chunks = await streamed(bench, asks("completions", stream=True))
    assert {one["object"] for one in chunks} == {"text_completion"}
    assert "".join(one["text"] for one in choices_of(chunks)) == choice["text"]
    assert choices_of(chunks)[-1]["finish_reason"] == "stop"
