"""Anthropic's chat against a scripted Anthropic, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from peers.anthropic import KEY, AnthropicPeer, anthropic_peer, fault, text_block, tool_block
from peers.asking import FakeMedia, ask, backend_context, merge, provider_of, read_stream
from peers.scripted import Fault
from roundhouse.backends.chat.anthropic import AnthropicChat
from roundhouse.core.errors import (
    AddressRefused,
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    BackendRefused,
    ContextTooLong,
    RoundhouseError,
)
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Usage

PATH = "/v1/messages"
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[AnthropicPeer]:
    async with anthropic_peer() as made:
        yield made


@pytest.fixture
def chat(peer: AnthropicPeer, context: BackendContext) -> AnthropicChat:
    return AnthropicChat(provider_of("anthropic", peer.url, key=KEY), context)


def told(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


async def test_a_whole_answer(chat: AnthropicChat, peer: AnthropicPeer) -> None:
    answer = await chat.chat(ask(), "claude-old")
    body = told(answer)
    assert body["model"] == "claude-old"
    assert body["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello wörld 🙂!", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert answer.usage == Usage(33, 5, 20)
    asked = peer.asked[0]
    assert (asked.headers["anthropic-version"], asked.headers["x-api-key"]) == ("2023-06-01", KEY)
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("size", [None, 1, 11])
async def test_a_stream(chat: AnthropicChat, peer: AnthropicPeer, size: int | None) -> None:
    peer.write_bytes = size
    stream = await chat.stream(ask(stream=True, include_usage=True), "claude-old")
    found = merge(await read_stream(stream))
    assert found["message"]["content"] == "Hello wörld 🙂!"
    assert found["usage"]["total_tokens"] == 38
    assert stream.usage == Usage(33, 5, 20)


async def test_a_conversation_with_a_tool(chat: AnthropicChat, peer: AnthropicPeer) -> None:
    """The peer refuses a tool_use without its tool_result in the next turn, as the real one does."""
    peer.content = [text_block("A moment.")]
    peer.calls = [tool_block("now", {"zone": "UTC"}, "toolu_1"), tool_block("day", {}, "toolu_2")]
    first = {"role": "user", "content": "What time is it?"}
    choice = told(await chat.chat(ask(messages=[first], tools=TOOLS), "claude-old"))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    streamed = merge(await read_stream(await chat.stream(ask(messages=[first], tools=TOOLS), "claude-old")))
    calls = choice["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"zone": "UTC"}', "{}"]
    assert [call["arguments"] for call in streamed["message"]["tool_calls"]] == ['{"zone": "UTC"}', "{}"]
    peer.content = [text_block("Noon.")]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "12:00"} for call in calls]
    second = ask(messages=[first, choice["message"], *results], tools=TOOLS)
    assert told(await chat.chat(second, "claude-old"))["choices"][0]["message"]["content"] == "Noon."


@pytest.mark.parametrize(
    ("case", "error"),
    [
        (Fault(400, fault("invalid_request_error", "max_tokens: too many")), BackendRefused),
        (
            Fault(400, fault("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")),
            ContextTooLong,
        ),
        (Fault(401, fault("authentication_error", f"invalid x-api-key {KEY}")), BackendFailed),
        (Fault(404, fault("not_found_error", "model: claude-x")), BackendRefused),
        (Fault(413, fault("request_too_large", "Request exceeds the maximum size")), BackendRefused),
        (Fault(429, fault("rate_limit_error", "slow down"), {"Retry-After": "3"}), BackendBusy),
        (Fault(500, fault("api_error", "Internal server error")), BackendFailed),
        (Fault(529, fault("overloaded_error", "Overloaded")), BackendFailed),
        (Fault(302, b"", {"Location": "http://127.0.0.1:1/"}), BackendFailed),
        (Fault(200, fault("overloaded_error", "Overloaded")), BackendFailed),
        (Fault(200, b"<html>", {"Content-Type": "text/html"}), BackendBadAnswer),
        (Fault(cut=True), BackendFailed),
    ],
)
async def test_faults(
    chat: AnthropicChat, peer: AnthropicPeer, case: Fault, error: type[RoundhouseError]
) -> None:
    for _ in range(2):
        peer.fail(PATH, case)
    with pytest.raises(error) as caught:
        await chat.chat(ask(), "claude-old")
    assert type(caught.value) is error
    assert KEY not in caught.value.detail
    if error in (BackendRefused, BackendBusy) or case.status == 529:
        assert caught.value.status == case.status
    if error is BackendBusy:
        assert caught.value.retry_after_s == 3
    with pytest.raises(error) as caught:
        await read_stream(await chat.stream(ask(stream=True), "claude-old"))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("case", "error"),
    [
        (
            Fault(
                after=5, tail=b'data: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
            ),
            BackendFailed,
        ),
        (Fault(after=5, tail=b"data: nonsense\n\n"), BackendBadAnswer),
        (Fault(after=5, cut=True), BackendFailed),
        (Fault(after=5), BackendFailed),
    ],
)
async def test_a_stream_that_breaks_gives_what_it_had(
    chat: AnthropicChat, peer: AnthropicPeer, case: Fault, error: type[RoundhouseError]
) -> None:
    peer.fail(PATH, case)
    stream = await chat.stream(ask(stream=True), "claude-old")
    seen = b""
    with pytest.raises(error) as caught:
        async for chunks in stream:
            seen += chunks
    assert type(caught.value) is error
    assert b'"content":"Hel"' in seen


async def test_leaving_a_stream_stops_the_generation(chat: AnthropicChat, peer: AnthropicPeer) -> None:
    peer.fail(PATH, Fault(after=4, hang=True))
    stream = await chat.stream(ask(stream=True), "claude-old")
    assert await anext(aiter(stream))
    await stream.aclose()
    await asyncio.wait_for(peer.left.wait(), 10)


async def test_sampling_that_a_model_refuses_is_left_out_from_then_on(
    chat: AnthropicChat, peer: AnthropicPeer
) -> None:
    await chat.chat(ask(temperature=0.2, top_p=0.5, top_k=4), "claude-new")
    assert [sorted(set(body) & {"temperature", "top_p", "top_k"}) for body in peer.bodies(PATH)] == [
        ["temperature", "top_k", "top_p"],
        ["top_k", "top_p"],
        ["top_k"],
        [],
    ]
    await read_stream(await chat.stream(ask(temperature=0.2), "claude-new"))
    assert len(peer.asked) == 5
    await chat.chat(ask(temperature=0.2), "claude-old")
    assert peer.bodies(PATH)[-1]["temperature"] == 0.2
    await chat.chat(ask(temperature=0.2, top_p=0.5), "claude-mid")
    last = peer.bodies(PATH)[-1]
    assert (last.get("temperature"), last.get("top_p")) == (0.2, None)


async def test_sampling_is_sent_when_the_operator_says_so(
    peer: AnthropicPeer, context: BackendContext
) -> None:
    chat = AnthropicChat(provider_of("anthropic", peer.url, key=KEY, options={"sampling": "send"}), context)
    with pytest.raises(BackendRefused, match="temperature"):
        await chat.chat(ask(temperature=0.2), "claude-new")
    assert len(peer.asked) == 1


async def test_a_refusal_that_repeats_ends(chat: AnthropicChat, peer: AnthropicPeer) -> None:
    for _ in range(2):
        peer.fail(PATH, Fault(400, fault("invalid_request_error", "temperature is wrong")))
    with pytest.raises(BackendRefused):
        await chat.chat(ask(temperature=0.2), "claude-old")
    assert len(peer.asked) == 2


async def test_addresses_of_pictures_are_checked(
    chat: AnthropicChat, peer: AnthropicPeer, context: BackendContext
) -> None:
    assert isinstance(context.media, FakeMedia)
    context.media.pages["https://a.test/cat.png"] = (b"", "image/png")

    def look(url: str) -> Any:
        return ask(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])

    await chat.chat(look("https://a.test/cat.png"), "claude-old")
    assert peer.bodies(PATH)[0]["messages"][0]["content"][0]["source"]["url"] == "https://a.test/cat.png"
    with pytest.raises(AddressRefused):
        await chat.chat(look("http://10.0.0.1/cat.png"), "claude-old")
    assert len(peer.asked) == 1


async def test_version_beta_and_headers(peer: AnthropicPeer, context: BackendContext) -> None:
    provider = provider_of(
        "anthropic",
        f"{peer.url}/v1",
        headers={"Authorization": f"Bearer {KEY}"},
        options={"version": "2026-10-21", "beta": "a-1,b-2", "sampling": "drop"},
    )
    await AnthropicChat(provider, context).chat(ask(temperature=0.1), "claude-new")
    headers = peer.asked[0].headers
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2026-10-21", "a-1,b-2")
    assert "x-api-key" not in headers
