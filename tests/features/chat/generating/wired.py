"""The product with generations in it, on a real socket inside the test's event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from roundhouse.features.chat.generating.service import Generations
from serving import Client, House

DELTA = "generation.delta"


def fake(name: str = "say", **options: Any) -> dict[str, Any]:
    """A provider whose model `m` says what its script says."""
    return {"name": name, "kind": "fake", "models": ["m"], "options": options}


class ChatHouse(House):
    """A running product."""

    @property
    def generations(self) -> Generations:
        """Its answers in the making."""
        return self.app.chat.generations


async def session_of(house: Client, **fields: Any) -> str:
    """A new session."""
    made = await house.post("/v1/sessions", fields)
    assert made.status == 201, made.body
    return str(made.json()["id"])


async def message_of(house: Client, message_id: str) -> dict[str, Any]:
    """A message as it is stored."""
    found = await house.get(f"/v1/messages/{message_id}")
    assert found.status == 200, found.body
    body: dict[str, Any] = found.json()
    return body


class Reader:
    """One reader of a generation's events, as a client is one."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.events: list[dict[str, Any]] = []
        self._answer = answer

    @property
    def generation_id(self) -> str:
        """Of the stream."""
        return self.headers["x-roundhouse-generation"]

    @property
    def text(self) -> str:
        """What the deltas said so far."""
        return "".join(one["data"]["data"]["text"] for one in self.deltas)

    @property
    def deltas(self) -> list[dict[str, Any]]:
        """Its events that are pieces of text."""
        return [one for one in self.events if one["type"] == DELTA]

    @property
    def last_id(self) -> str | None:
        """Id of the last event that it has."""
        return self.events[-1]["id"] if self.events else None

    @property
    def last(self) -> dict[str, Any]:
        """The last event."""
        return self.events[-1]

    async def until(self, kind: str, count: int = 1, within_s: float = 30.0) -> None:
        """Read on until so many events of a kind more have come."""
        async with asyncio.timeout(within_s):
            while count:
                one = await self._next()
                assert one is not None, f"it ended before {kind}: {self.events}"
                count -= one["type"] == kind

    async def rest(self, within_s: float = 60.0) -> list[dict[str, Any]]:
        """Read to the end of the stream; all events."""
        async with asyncio.timeout(within_s):
            while await self._next() is not None:
                pass
        return self.events

    async def _next(self) -> dict[str, Any] | None:
        fields: dict[str, str] = {}
        async for raw in self._answer.content:
            name, _, value = raw.decode().rstrip("\r\n").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif "data" in fields:
                one = {"id": fields.get("id"), "type": fields["event"], "data": json.loads(fields["data"])}
                self.events.append(one)
                return one
        return None


@asynccontextmanager
async def reading(
    house: Client, method: str, path: str, body: Any = None, *, last_id: str | None = None, **headers: str
) -> AsyncIterator[Reader]:
    """Open a stream of events; leaving the block breaks the connection."""
    sent = {"Authorization": f"Bearer {house.key}", **headers}
    if last_id is not None:
        sent["Last-Event-ID"] = last_id
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        options = {} if body is None else {"json": body}
        async with session.request(method, house.url + path, headers=sent, **options) as answer:
            yield Reader(answer)


def asking(house: Client, session_id: str, content: str = "Hello.", **more: Any):
    """`reading` of a question's answer."""
    body = {"content": content, "model": "say/m", "stream": True, **more}
    return reading(house, "POST", f"/v1/sessions/{session_id}/messages", body)


def events_of(house: Client, generation_id: str, last_id: str | None = None):
    """`reading` of a generation that was begun before."""
    return reading(house, "GET", f"/v1/generations/{generation_id}/events", last_id=last_id)


def check_whole(events: list[dict[str, Any]], last: str) -> str:
    """The text of a stream from its first event to its last, without a gap; it ended as `last`."""
    kinds = [one["type"] for one in events]
    assert kinds[0] == "generation.started"
    assert kinds[-1] == last
    inner = [kind for kind in kinds[1:-1] if kind != "generation.stop_requested"]
    assert set(inner) <= {DELTA}
    ids = [int(one["id"]) for one in events]
    assert ids == sorted(set(ids))
    pieces = [one["data"]["data"] for one in events if one["type"] == DELTA]
    assert [one["index"] for one in pieces] == list(range(len(pieces)))
    return "".join(one["text"] for one in pieces)
