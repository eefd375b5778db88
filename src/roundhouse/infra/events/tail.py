"""The tail of the event table: one per process reads each new event once and hands it to everybody who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from roundhouse.core.errors import ShuttingDown
from roundhouse.core.ports import Clock
from roundhouse.core.settings import EventSettings
from roundhouse.infra.db import Database, sqlite_path
from roundhouse.infra.events import store
from roundhouse.infra.events.follower import Follower
from roundhouse.infra.events.reading import PAGE, Reader
from roundhouse.infra.events.sqlite_reader import SqliteReader
from roundhouse.infra.events.store import Event

# Many who come back at once must not take all the connections that requests need.
_READING_AT_A_TIME = 2


class EventTail:
    """Hands out events. Once started it goes on whatever happens to the database.

    Args:
        db: The database.
        settings: How often is looked, and how often a silent stream gives a sign.
        clock: Time.
    """

    def __init__(self, db: Database, settings: EventSettings, clock: Clock) -> None:
        self._db = db
        self.heartbeat_s = settings.heartbeat_s
        self._reader = _reader(db, settings, clock)
        self._position = 0
        self._callbacks: dict[str, list[Callable[[Event], None]]] = {}
        self._followers: dict[tuple[str, str | None], set[Follower]] = {}
        self._reading = asyncio.Semaphore(_READING_AT_A_TIME)
        self._draining = False

    @property
    def position(self) -> int:
        """Number of the last event that was handed out."""
        return self._position

    async def start(self) -> None:
        """Begin behind the newest event.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        async with self._db.read() as tx:
            self._position = await store.newest_seq(tx)
        self._reader.start(self._position, self)

    def on_event(self, callback: Callable[[Event], None], types: Collection[str]) -> None:
        """Have `callback` called on the event loop with every event of these types of every tenant, in order."""
        for one in types:
            self._callbacks.setdefault(one, []).append(callback)

    def committed(self, events: Sequence[Event]) -> None:
        """Hand out what this process has just committed, without waiting until it is read.

        Only where nothing lies between what was handed out last and these: else the reader brings all in order.

        Args:
            events: Of one transaction, in order.
        """
        if not events or events[0].seq != self._position + 1:
            return
        if events[-1].seq - events[0].seq == len(events) - 1:
            self.hand_over(events)
            self._reader.skip(self._position)

    def follow(
        self, topic: str | None, site_id: str, after_seq: int | None = None, first: Event | None = None
    ) -> Follower:
        """Events of one thing, or of all of a tenant, as an asynchronous context manager and iterator.

        Args:
            topic: Id of the thing; None = everything of the tenant.
            site_id: Tenant; events of others are never seen.
            after_seq: First what came after this event, from the table; 0 = all of it; None = from now on.
            first: See `Follower`.
        """
        return Follower(self, site_id, topic, after_seq, first=first)

    def drain(self) -> None:
        """End every follower after what it holds; `on_event` goes on."""
        self._draining = True
        for followers in self._followers.values():
            for follower in followers:
                follower.end()

    async def close(self) -> None:
        """End all."""
        self.drain()
        await self._reader.close()

    # What the reader calls.

    def hand_over(self, events: Sequence[Event]) -> None:
        """See `Receiver`."""
        loop = asyncio.get_running_loop()
        for event in events:
            if event.seq <= self._position:
                # It came by `committed`, while the reader was reading it.
                continue
            for key in ((event.site_id, event.topic), (event.site_id, None)):
                for follower in self._followers.get(key, ()):
                    follower.push(event)
            for callback in self._callbacks.get(event.type, ()):
                # In a turn of its own: one that raises is told by the loop and harms nobody.
                loop.call_soon(callback, event)
            self._position = event.seq

    def start_anew(self, newest_seq: int) -> None:
        """See `Receiver`."""
        self._position = newest_seq
        self._reader.skip(newest_seq)
        for followers in self._followers.values():
            for follower in followers:
                follower.start_anew(newest_seq)

    # What followers call.

    def add(self, follower: Follower) -> None:
        """See `Origin`."""
        if self._draining:
            raise ShuttingDown("This process stops; follow again at another one, or in a moment.")
        self._followers.setdefault((follower.site_id, follower.topic), set()).add(follower)

    def remove(self, follower: Follower) -> None:
        """See `Origin`."""
        key = (follower.site_id, follower.topic)
        left = self._followers.get(key, set())
        left.discard(follower)
        if not left:
            self._followers.pop(key, None)

    async def page(self, site_id: str, topic: str | None, after_seq: int) -> Sequence[Event]:
        """See `Origin`."""
        async with self._reading, self._db.read() as tx:
            return await store.page(tx, site_id, topic, after_seq, PAGE)

    async def newest_of(self, site_id: str, topic: str | None) -> Event | None:
        """See `Origin`."""
        async with self._reading, self._db.read() as tx:
            return await store.newest_of(tx, site_id, topic)

    async def given(self, seq: int) -> int:
        """See `Origin`."""
        async with self._reading, self._db.read() as tx:
            return seq if seq <= await store.last_number(tx) else await store.newest_seq(tx)


def _reader(db: Database, settings: EventSettings, clock: Clock) -> Reader:
    path = sqlite_path(db.url)
    if path is not None:
        return SqliteReader(path, settings.poll_ms / 1000)
    from roundhouse.infra.events.postgres_reader import PostgresReader

    return PostgresReader(db.url, clock)
