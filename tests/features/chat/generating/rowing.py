"""Generations as rows, without a model behind them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from features.chat.rooms import ADA, ChatRoom
from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.model import DELTA
from roundhouse.features.chat.model import Generation, NewMessage
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, NewEvent, append, page


async def running(room: ChatRoom, owner: str, prefix: str = "") -> Generation:
    """A running generation of a process, in a session of its own."""
    session_id = await room.begin()
    now_s = room.clock.now_s()
    async with room.db.begin() as tx:
        session = await chats.get_session(tx, ADA, session_id, lock=True)
        await chats.append_message(tx, session, NewMessage("user", "Hello."), now_s)
        answer = NewMessage("assistant", prefix, state="generating")
        message = await chats.append_message(tx, session, answer, now_s)
        generation = Generation(
            id=new_id("gen"),
            site_id=session.site_id,
            user_id=session.user_id,
            app_id=session.app_id,
            session_id=session.id,
            message_id=message.id,
            state="running",
            on_disconnect="finish",
            model="m",
            options={},
            continues_chars=len(prefix),
            owner=owner,
            stop_requested=False,
            error=None,
            idempotency_digest=None,
            started_at_s=now_s,
            ended_at_s=None,
        )
        await store.insert(tx, generation)
    return generation


async def tell(room: ChatRoom, generation: Generation, *texts: str) -> None:
    """Write pieces of it, each in a commit of its own."""
    before = len(await deltas(room.db, generation))
    for place, text in enumerate(texts):
        data = {"index": before + place, "text": text}
        new = NewEvent(generation.site_id, generation.id, DELTA, data, room.clock.now_s())
        async with room.db.begin() as tx:
            await append(tx, new)


async def events(db: Database, generation: Generation) -> list[Event]:
    """All events of it."""
    async with db.read() as tx:
        return await page(tx, generation.site_id, generation.id, 0, 10_000)


async def deltas(db: Database, generation: Generation) -> list[tuple[int, str]]:
    """Index and text of its pieces."""
    found = [one.data for one in await events(db, generation) if one.type == DELTA]
    return [(one["index"], one["text"]) for one in found]


async def state_of(room: ChatRoom, generation: Generation) -> tuple[str, str, str]:
    """State of the generation and of its message, and the message's text."""
    async with room.db.read() as tx:
        found = await store.get(tx, ADA, generation.id)
        message = await chats.get_message(tx, ADA, generation.message_id)
    return found.state, message.state, message.content


class Failing:
    """A database whose next write transactions fail, before their commit or behind it.

    Args:
        db: The real one.

    Attributes:
        faults: Of the next transactions, in order: "before", "behind", or "" for none.
        begun: How many transactions were begun.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.faults: list[str] = []
        self.begun = 0

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Tx]:
        self.begun += 1
        fault = self.faults.pop(0) if self.faults else ""
        async with self._db.begin() as tx:
            yield tx
            if fault == "before":
                raise StorageUnavailable("A scripted failure before the commit.")
        if fault == "behind":
            raise StorageUnavailable("A scripted failure behind the commit.")

    async def whole(self, act):
        async with self.begin() as tx:
            return await act(tx)

    def read(self):
        return self._db.read()
