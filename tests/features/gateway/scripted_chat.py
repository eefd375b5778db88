"""An engine whose chats are scripted, and what the hot path needs around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from openai import AsyncOpenAI

from roundhouse.core.types import Answer, Caller, Decision, ModelRequest, Usage, UsageRecord
from roundhouse.core.wire import check_answer, close_object, event
from roundhouse.engine.model import Running


class Script:
    """A running chat: what it says, and how it ends."""

    def __init__(
        self, pieces: list[bytes], error: Exception | None = None, usage: Usage | None = None
    ) -> None:
        self._pieces = pieces
        self._error = error
        self.usage = usage or Usage()
        self.closed = False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for piece in self._pieces:
            yield piece
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed = True


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
    """One event of a chat."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, **more}
    return event({"object": "chat.completion.chunk", "model": "served", "choices": [choice]})


class ScriptedEngine:
    """Answers with what a test put in; keeps the last request."""

    def __init__(self) -> None:
        self.body = b""
        self.script = Script([])
        self.asked: dict[str, Any] = {}

    async def answer(self, request: ModelRequest, decision: Decision) -> Answer:
        self._note(request, decision)
        return Answer(self.body, check_answer(self.body))

    async def stream(self, request: ModelRequest, decision: Decision) -> Running:
        self._note(request, decision)
        running = Running(self.script)
        await running.prime()
        return running

    def _note(self, request: ModelRequest, decision: Decision) -> None:
        decision.target = "test/served"
        self.asked = msgspec.json.decode(close_object(request.fields))


class Everyone:
    """Everybody may do anything, nothing costs."""

    def __init__(self) -> None:
        self.records: list[UsageRecord] = []

    def recall(self, authorization: bytes) -> Caller | None:
        return Caller(key_id="key_test", scopes=frozenset({"inference"}))

    async def authenticate(self, method: str, path: str, headers: Mapping[str, str]) -> Caller:
        return Caller(key_id="key_test", scopes=frozenset({"inference"}))

    def admit(self, caller: Caller) -> None:
        return None

    def settle(self, caller: Caller, tokens: int, cost_usd: float) -> None:
        return None

    def headers(self, caller: Caller) -> list[tuple[str, str]]:
        return []

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)

    def observe(self, record: UsageRecord) -> None:
        return None

    def cost_usd(self, target: str, usage: Usage) -> float:
        return 0.0


class Gateway:
    """The running server.

    Attributes:
        engine: Where a test puts the chat.
        records: Usage of the requests so far.
        client: The official client.
    """

    def __init__(self, engine: ScriptedEngine, records: list[UsageRecord], client: AsyncOpenAI) -> None:
        self.engine = engine
        self.records = records
        self.client = client
