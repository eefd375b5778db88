"""The fake's script; what every chat promises is in the contract suite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers.asking import ask, backend_context, provider_of, read_stream
from roundhouse.backends.chat.fake import FakeChat
from roundhouse.core.errors import BackendBusy, BackendDown, BadInput, ContextTooLong
from roundhouse.core.ports import BackendContext


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        yield made


def fake(context: BackendContext, **options: Any) -> FakeChat:
    return FakeChat(provider_of("fake", "", options=options), context)


async def said(chat: FakeChat, **members: Any) -> str:
    body = json.loads((await chat.chat(ask(**members), "m")).body)
    text: str = body["choices"][0]["message"]["content"]
    return text


async def test_reply(context: BackendContext) -> None:
    assert await said(fake(context)) == "You said: Hi"
    assert await said(fake(context, reply="Fixed.")) == "Fixed."
    parts = [
        {"type": "text", "text": "two"},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "parts"},
    ]
    assert "two" in await said(fake(context), messages=[{"role": "user", "content": parts}])


async def test_fails_so_many_times(context: BackendContext) -> None:
    chat = fake(context, fault={"code": "backend_busy", "times": 2, "retry_after_s": 3})
    for _ in range(2):
        with pytest.raises(BackendBusy) as caught:
            await said(chat)
        assert caught.value.retry_after_s == 3
    assert await said(chat) == "You said: Hi"
    assert [model for model, _ in chat.requests] == ["m", "m", "m"]


async def test_fails_in_mid_stream(context: BackendContext) -> None:
    chat = fake(context, reply="one two three", fault={"code": "backend_down", "times": 1, "after_pieces": 2})
    stream = await chat.stream(ask(stream=True), "m")
    pieces = []
    with pytest.raises(BackendDown):
        async for piece in stream:
            pieces.append(piece)
    assert len(pieces) == 2
    assert chat.open_streams == 0
    assert len(await read_stream(await chat.stream(ask(stream=True), "m"))) == 5


async def test_context_and_length(context: BackendContext) -> None:
    chat = fake(context, context_tokens=3, reply="one two three")
    with pytest.raises(ContextTooLong):
        await said(chat, messages=[{"role": "user", "content": "a b c d"}])
    body = json.loads((await chat.chat(ask(max_tokens=2), "m")).body)
    assert body["choices"][0]["message"]["content"] == "one two "
    assert body["choices"][0]["finish_reason"] == "length"


async def test_waits_by_the_clock_it_is_given(context: BackendContext, turned_clock: Any) -> None:
    context.clock = turned_clock
    task = asyncio.create_task(said(fake(context, delay_s=60)))
    await asyncio.sleep(0.05)
    assert not task.done()
    turned_clock.turn(61)
    assert await asyncio.wait_for(task, 10) == "You said: Hi"


@pytest.mark.parametrize("options", [{"fault": {"code": "no_such_code"}}, {"delay_s": "long"}, {"fault": {}}])
async def test_malformed_script(context: BackendContext, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        fake(context, **options)


async def test_bad_requests(context: BackendContext) -> None:
    for messages in ([], None, "text", [1]):
        with pytest.raises(BadInput) as caught:
            await said(fake(context), messages=messages)
        assert caught.value.param == "messages"
