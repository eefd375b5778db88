"""Ollama's chat and completions against a scripted Ollama, over real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from peers.asking import FakeMedia, ask, backend_context, merge, provider_of, read_stream
from peers.ollama import OllamaPeer, ollama_peer
from peers.scripted import Fault
from roundhouse.backends.chat.ollama import OllamaChat
from roundhouse.core.errors import (
    AddressRefused,
    BackendBadAnswer,
    BackendBusy,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    BadInput,
    ContextTooLong,
    DoesNotFit,
    NotSupported,
    RoundhouseError,
    UnsupportedContent,
)
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Timeouts, Usage

CALL = {"function": {"name": "now", "arguments": {"zone": "UTC"}}}
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[OllamaPeer]:
    async with ollama_peer() as made:
        yield made


@pytest.fixture
def chat(peer: OllamaPeer, context: BackendContext) -> OllamaChat:
    return OllamaChat(provider_of("ollama", peer.url), context)


def told(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


async def test_a_whole_answer(chat: OllamaChat, peer: OllamaPeer) -> None:
    answer = await chat.chat(ask(temperature=0.5), "tiny")
    body = told(answer)
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": peer.says.text, "refusal": None}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert answer.usage == Usage(11, 7)
    assert peer.bodies("/api/chat") == [
        {
            "model": "tiny",
            "stream": False,
            "truncate": False,
            "options": {"temperature": 0.5},
            "messages": [{"role": "user", "content": "Hi"}],
        }
    ]


@pytest.mark.parametrize("size", [None, 1, 7])
async def test_a_stream(chat: OllamaChat, peer: OllamaPeer, size: int | None) -> None:
    peer.write_bytes = size
    peer.says.thinking = ["Let me ", "think."]
    stream = await chat.stream(ask(stream=True, include_usage=True), "tiny")
    found = merge(await read_stream(stream))
    assert found["message"]["content"] == peer.says.text
    assert found["message"]["reasoning_content"] == "Let me think."
    assert found["finish_reason"] == "stop"
    assert found["usage"]["total_tokens"] == 18
    assert stream.usage == Usage(11, 7)


async def test_tool_calls_whole_and_streamed(chat: OllamaChat, peer: OllamaPeer) -> None:
    peer.says.pieces = []
    peer.says.tool_calls = [CALL, CALL]
    choice = told(await chat.chat(ask(tools=TOOLS), "tiny"))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert [call["function"] for call in choice["message"]["tool_calls"]] == [
        {"name": "now", "arguments": '{"zone": "UTC"}'}
    ] * 2
    one = told(await chat.chat(ask(tools=TOOLS, parallel_tool_calls=False), "tiny"))["choices"][0]
    assert len(one["message"]["tool_calls"]) == 1
    found = merge(await read_stream(await chat.stream(ask(tools=TOOLS, stream=True), "tiny")))
    assert found["finish_reason"] == "tool_calls"
    assert len({call["id"] for call in found["message"]["tool_calls"]}) == 2


async def test_a_completion_whole_and_streamed(chat: OllamaChat, peer: OllamaPeer) -> None:
    body = told(await chat.chat(ask("completions", prompt="Say"), "tiny"))
    assert body["object"] == "text_completion"
    assert body["choices"] == [
        {"index": 0, "text": peer.says.text, "logprobs": None, "finish_reason": "stop"}
    ]
    chunks = await read_stream(
        await chat.stream(ask("completions", prompt="Say", stream=True, logprobs=1), "tiny")
    )
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == peer.says.text
    assert chunks[0]["choices"][0]["logprobs"]["tokens"] == ["Hel"]
    assert [body["raw"] for body in peer.bodies("/api/generate")] == [False, False]


async def test_a_cut_off_answer_says_length(chat: OllamaChat, peer: OllamaPeer) -> None:
    peer.says.done_reason = "length"
    assert told(await chat.chat(ask(max_tokens=4), "tiny"))["choices"][0]["finish_reason"] == "length"


async def test_images_are_fetched_through_the_guard(
    chat: OllamaChat, peer: OllamaPeer, context: BackendContext
) -> None:
    media = context.media
    assert isinstance(media, FakeMedia)
    media.pages["https://a.test/cat.png"] = (b"cat", "image/png")
    media.pages["https://a.test/page"] = (b"<html>", "text/html")

    def look(*urls: str) -> Any:
        parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return ask(messages=[{"role": "user", "content": parts}])

    await chat.chat(look("https://a.test/cat.png"), "tiny")
    assert peer.bodies("/api/chat")[0]["messages"][0]["images"] == [base64.b64encode(b"cat").decode()]
    with pytest.raises(AddressRefused):
        await chat.chat(look("http://169.254.169.254/"), "tiny")
    with pytest.raises(UnsupportedContent, match="text/html"):
        await chat.chat(look("https://a.test/page"), "tiny")
    with pytest.raises(UnsupportedContent, match="At most"):
        await chat.chat(look(*(f"https://a.test/{number}" for number in range(17))), "tiny")
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(404, {"error": "model 'x' not found"}), BackendRefused),
        (
            Fault(500, {"error": "model requires more system memory (8 GiB) than is available (4 GiB)"}),
            DoesNotFit,
        ),
        (Fault(400, {"error": "the input length exceeds the context length"}), ContextTooLong),
        (Fault(400, {"error": '"tiny" does not support thinking'}), NotSupported),
        (Fault(400, {"error": "invalid message content type"}), BackendRefused),
        (Fault(401, {"error": "unauthorized"}), BackendFailed),
        (Fault(429, {"error": "too many requests"}, {"Retry-After": "7"}), BackendBusy),
        (Fault(503, {"error": "server busy, please try again"}), BackendFailed),
        (Fault(500, {"error": "llama runner process has terminated"}), BackendFailed),
        (Fault(307, {}, {"Location": "http://127.0.0.1:1/"}), BackendFailed),
        (Fault(200, {"error": "something broke"}), BackendFailed),
        (Fault(200, b"<html>proxy</html>", {"Content-Type": "text/html"}), BackendBadAnswer),
        (Fault(200, b"not json"), BackendBadAnswer),
        (Fault(cut=True), BackendFailed),
    ],
)
async def test_faults(chat: OllamaChat, peer: OllamaPeer, fault: Fault, error: type[RoundhouseError]) -> None:
    for _ in range(2):
        peer.fail("/api/chat", fault)
    with pytest.raises(error) as caught:
        await chat.chat(ask(), "tiny")
    assert type(caught.value) is error
    if error in (BackendRefused, BackendBusy):
        assert caught.value.status == fault.status
    if error is BackendBusy:
        assert caught.value.retry_after_s == 7
    with pytest.raises(error) as caught:
        await read_stream(await chat.stream(ask(stream=True), "tiny"))
    assert type(caught.value) is error
    answer = await chat.chat(ask(), "tiny")
    assert answer.usage.completion_tokens == 7


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(after=2, tail=b'{"error":"runner died"}\n'), BackendFailed),
        (Fault(after=2, tail=b"<html>\n"), BackendBadAnswer),
        (Fault(after=2, cut=True), BackendFailed),
        (Fault(after=2), BackendFailed),
    ],
)
async def test_a_stream_that_breaks_gives_what_it_had(
    chat: OllamaChat, peer: OllamaPeer, fault: Fault, error: type[RoundhouseError]
) -> None:
    peer.fail("/api/chat", fault)
    stream = await chat.stream(ask(stream=True), "tiny")
    seen = b""
    with pytest.raises(error) as caught:
        async for events in stream:
            seen += events
    assert type(caught.value) is error
    assert b'"content":"Hel"' in seen
    assert b'"content":"lo"' in seen


async def test_leaving_a_stream_stops_the_generation(chat: OllamaChat, peer: OllamaPeer) -> None:
    peer.fail("/api/chat", Fault(after=1, hang=True))
    stream = await chat.stream(ask(stream=True), "tiny")
    assert b"Hel" in await anext(aiter(stream))
    await stream.aclose()
    await stream.aclose()
    await asyncio.wait_for(peer.left.wait(), 10)


async def test_a_server_that_does_not_begin(peer: OllamaPeer, context: BackendContext) -> None:
    limits = Timeouts(connect_s=5, first_byte_s=0.2, idle_s=5, total_s=30)
    chat = OllamaChat(provider_of("ollama", peer.url, timeouts=limits), context)
    peer.fail("/api/chat", Fault(hang=True))
    with pytest.raises(BackendTimeout):
        await chat.chat(ask(), "tiny")
    await asyncio.wait_for(peer.left.wait(), 10)


async def test_no_server(context: BackendContext) -> None:
    chat = OllamaChat(provider_of("ollama", "http://127.0.0.1:9"), context)
    with pytest.raises(BackendDown):
        await chat.chat(ask(), "tiny")


async def test_options_key_and_habits_of_addresses(peer: OllamaPeer, context: BackendContext) -> None:
    provider = provider_of(
        "ollama",
        f"{peer.url}/v1/",
        key="secret",
        headers={"X-Team": "a"},
        options={"keep_alive_s": 60, "num_ctx": 512},
    )
    chat = OllamaChat(provider, context)
    await chat.chat(ask(), "tiny")
    asked = peer.asked[0]
    assert asked.path == "/api/chat"
    assert (asked.headers["authorization"], asked.headers["x-team"]) == ("Bearer secret", "a")
    assert (asked.body["keep_alive"], asked.body["options"]) == (60, {"num_ctx": 512})
    peer.fail("/api/chat", Fault(400, {"error": "bad key secret"}))
    with pytest.raises(BackendRefused) as caught:
        await chat.chat(ask(), "tiny")
    assert "secret" not in caught.value.detail
    with pytest.raises(BadInput):
        OllamaChat(provider_of("ollama", peer.url, options={"truncate": "no"}), context)
