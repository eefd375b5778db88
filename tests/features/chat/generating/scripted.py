"""A scripted engine, and what counts its calls."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from roundhouse.core.types import Usage, UsageRecord


def chunk(text: str | None, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + msgspec.json.encode({"choices": [choice]}) + b"\n\n"


class Scripted:
    """An engine and the stream that it gives: texts, an error to be raised, or None = it hangs."""

    def __init__(self, *script: Any) -> None:
        self._script = script
        self.usage = Usage()
        self.requests: list[Any] = []
        self.closed = 0

    async def stream(self, request, decision):
        self.requests.append(request)
        decision.target = "say/m"
        return self

    async def __aiter__(self):
        for one in self._script:
            if one is None:
                await asyncio.sleep(3600)
            elif isinstance(one, BaseException):
                raise one
            else:
                yield chunk(one)
        self.usage = Usage(3, len(self._script))
        yield chunk(None, "stop")

    async def aclose(self) -> None:
        self.closed += 1


class Counting:
    """Gatekeeper, usage, prices, metrics and media guard in one, counting."""

    def __init__(self) -> None:
        self.settled: list[tuple[int, float]] = []
        self.records: list[UsageRecord] = []

    def settle(self, caller, tokens, cost_usd) -> None:
        self.settled.append((tokens, cost_usd))

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)

    def observe(self, record: UsageRecord) -> None:
        assert record in self.records

    def cost_usd(self, target: str, usage: Usage) -> float:
        return usage.total_tokens / 1000

    async def clean(self, request) -> None:
        return None
