"""What a test needs to call a backend by itself: its context, requests, and a reader of its streams."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from roundhouse.core.errors import AddressRefused
from roundhouse.core.ports import AnswerStream, BackendContext
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Caller, Fields, ModelRequest, Operation, Provider, Timeouts
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.egress.lean import LeanClient
from roundhouse.infra.hosting.hosts import Hosts

CALLER = Caller(key_id="key_test", scopes=frozenset({"inference"}))
LIMITS = Timeouts(connect_s=10, first_byte_s=20, idle_s=20, total_s=60)


class FakeMedia:
    """Knows only the pages a test put there; every other address is refused."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[bytes, str]] = {}

    async def fetch(self, url: str, *, limit_bytes: int) -> tuple[bytes, str]:
        await self.check(url)
        return self.pages[url]

    async def check(self, url: str) -> None:
        if url not in self.pages:
            raise AddressRefused(f"Refused: {url}")


@asynccontextmanager
async def backend_context() -> AsyncIterator[BackendContext]:
    client = LeanClient(OutboundSettings())
    with tempfile.TemporaryDirectory() as folder:
        try:
            hosts = Hosts(Path(folder) / "hosts")
            yield BackendContext(client, FakeMedia(), Path(folder), SystemClock(), hosts)
            await hosts.close()
        finally:
            await client.close()


def provider_of(kind: str, url: str, **more: Any) -> Provider:
    return Provider(name="p", kind=kind, url=url, **{"timeouts": LIMITS, **more})


def fields_of(members: dict[str, Any]) -> Fields:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}


def ask(operation: Operation = "chat", *, include_usage: bool = False, **members: Any) -> ModelRequest:
    if operation == "chat":
        members.setdefault("messages", [{"role": "user", "content": "Hi"}])
    return ModelRequest(
        operation=operation,
        model=members.get("model", "m"),
        fields=fields_of(members),
        caller=CALLER,
        stream=bool(members.get("stream")),
        include_usage=include_usage,
    )


async def read_stream(stream: AnswerStream) -> list[dict[str, Any]]:
    """Every chunk of a stream, read to its end."""
    return parse_events(b"".join([piece async for piece in stream]))


def parse_events(raw: bytes) -> list[dict[str, Any]]:
    assert not raw or raw.endswith(b"\n\n")
    parts = [part for part in raw.split(b"\n\n") if part and not part.startswith(b":")]
    return [json.loads(part.removeprefix(b"data: ")) for part in parts]


def merge(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """A chat's chunks put together as a client does: message, finish reason, usage."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": []}
    found: dict[str, Any] = {"message": message, "finish_reason": None, "usage": None, "ids": set()}
    for chunk in chunks:
        found["ids"].add(chunk["id"])
        found["usage"] = chunk.get("usage") or found["usage"]
        for choice in chunk["choices"]:
            assert found["finish_reason"] is None, "a chunk after the finish reason"
            found["finish_reason"] = choice["finish_reason"]
            _merge_delta(message, choice["delta"])
    return found


def _merge_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("content", "reasoning_content"):
        message[name] += delta.get(name) or ""
    for name in ("role", "thinking_blocks"):
        if name in delta:
            message[name] = delta[name]
    for call in delta.get("tool_calls", ()):
        if call["index"] == len(message["tool_calls"]):
            message["tool_calls"].append(
                {"id": call["id"], "type": call["type"], "name": "", "arguments": ""}
            )
        told = message["tool_calls"][call["index"]]
        told["name"] += call["function"].get("name") or ""
        told["arguments"] += call["function"].get("arguments") or ""
