"""One reader's place in the stream: from the table first, then live, no event left out and none twice.

Why that holds: a follower keeps what is handed to it from before the moment it reads the table. What is committed
by then is in the table, what is committed later is handed to it, and numbers rise in the order of commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import sqlalchemy as sa

from roundhouse.core.errors import RoundhouseError
from roundhouse.infra.events.reading import PAGE
from roundhouse.infra.events.store import Event

_KEPT = 256


class Origin(Protocol):
    """Where the events come from."""

    @property
    def position(self) -> int:
        """The last number that was handed out."""
        ...

    def add(self, follower: Follower) -> None:
        """Hand it what comes from now on; raises ShuttingDown."""
        ...

    def remove(self, follower: Follower) -> None:
        """No more of it."""
        ...

    async def page(self, site_id: str, topic: str | None, after_seq: int) -> Sequence[Event]:
        """`store.page`, `PAGE` events; raises StorageUnavailable."""
        ...

    async def newest_of(self, site_id: str, topic: str | None) -> Event | None:
        """`store.newest_of`; raises StorageUnavailable."""
        ...

    async def given(self, seq: int) -> int:
        """`seq`, or the newest number if there was none as high; raises StorageUnavailable."""
        ...


class Follower:
    """Events of one thing or one tenant. An asynchronous context manager and iterator, used once, by one task.

    At most 256 events wait in memory; who is slower reads the table again.

    Args:
        origin: The tail.
        site_id: Tenant.
        topic: Id of the thing; None = all of the tenant.
        after_seq: The last event already known; None = from now on.
        retry_s: Pause before the table is read again when it could not be.
        first: The first event after `after_seq`, where the caller has committed it itself. Unless the tail has
            passed it by now, the table need not be read.
    """

    def __init__(
        self,
        origin: Origin,
        site_id: str,
        topic: str | None,
        after_seq: int | None,
        retry_s: float = 1.0,
        first: Event | None = None,
    ) -> None:
        self.site_id = site_id
        self.topic = topic
        self._origin = origin
        self._asked_seq = after_seq
        self._first = first
        self._retry_s = retry_s
        self._last_seq = 0
        """Of what was taken and what is kept, the newest."""
        self._kept: deque[Event] = deque()
        self._behind = after_seq is not None
        """Whether after what is kept the table must be read."""
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until_s: float | None = None

    async def __aenter__(self) -> Self:
        """Take the place, and read what is already there.

        Raises:
            ShuttingDown: The process drains.
            StorageUnavailable: The database does not answer.
        """
        self._last_seq = self._origin.position if self._asked_seq is None else self._asked_seq
        self._origin.add(self)
        if self._first is not None and self._first.seq >= self._origin.position:
            # What comes behind it has not been handed out yet.
            self._kept.append(self._first)
            self._last_seq = self._first.seq
            self._behind = False
            return self
        try:
            if self._behind:
                if self._last_seq > self._origin.position:
                    self._last_seq = await self._origin.given(self._last_seq)
                await self._read()
        except BaseException:
            self._origin.remove(self)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave."""
        self._origin.remove(self)
        self._kept.clear()
        if self._timer is not None:
            self._timer.cancel()

    def __aiter__(self) -> Self:
        """Each event, to the end of the process or until left."""
        return self

    async def __anext__(self) -> Event:
        """The next event; waits for it, also while the database is away."""
        while not await self._ready(None):
            if self.ended:
                raise StopAsyncIteration
        return self._kept.popleft()

    async def batch(self, wait_s: float | None = None) -> list[Event]:
        """What is there, at most 200 events; waits for the first. Empty: none came in time, or `ended`.

        Args:
            wait_s: Longest wait, `retry_s` more while the database is away; None = until there is one.
        """
        if not await self._ready(wait_s):
            return []
        return [self._kept.popleft() for _ in range(min(len(self._kept), PAGE))]

    async def passed(self) -> Event | None:
        """The newest event in the table, if this place is not before it; raises StorageUnavailable."""
        newest = await self._origin.newest_of(self.site_id, self.topic)
        return newest if newest is not None and newest.seq <= self._last_seq and self.caught_up else None

    @property
    def caught_up(self) -> bool:
        """Whether everything known so far was taken."""
        return not self._kept and not self._behind

    @property
    def rest(self) -> Sequence[Event]:
        """Everything known so far that was not taken; empty also where a part of it must be read first."""
        return () if self._behind else tuple(self._kept)

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more, because the process drains."""
        return self._ended and not self._kept

    # What the tail calls; never waits.

    def push(self, event: Event) -> None:
        """Keep the event, or remember that it must be read from the table."""
        if self._behind or event.seq <= self._last_seq:
            return
        if len(self._kept) >= _KEPT:
            self._behind = True
            return
        self._kept.append(event)
        self._last_seq = event.seq
        self._wake()

    def start_anew(self, newest_seq: int) -> None:
        """Numbers are given again from `newest_seq` on."""
        self._last_seq = min(self._last_seq, newest_seq)

    def end(self) -> None:
        """Nothing comes after what is kept."""
        self._ended = True
        self._wake()

    async def _ready(self, wait_s: float | None) -> bool:
        """Whether an event is kept, after a wait if there is none."""
        if self._kept or self._ended:
            return bool(self._kept)
        if self._behind:
            try:
                await self._read()
            except (RoundhouseError, sa.exc.SQLAlchemyError):
                # Where it stands is known: it goes on when the database is back.
                await self._wait(self._retry_s)
                return False
        if not self._kept and not self._ended:
            await self._wait(wait_s)
        return bool(self._kept)

    async def _read(self) -> None:
        """Fill up from the table; what is handed over meanwhile is kept behind it."""
        after_seq = self._last_seq
        found: Sequence[Event] | None = None
        self._behind = False
        try:
            found = await self._origin.page(self.site_id, self.topic, after_seq)
        finally:
            if found is None:
                self._kept.clear()
                self._behind = True
                self._last_seq = min(after_seq, self._last_seq)
        if not found:
            return
        read_seq = found[-1].seq
        if len(found) < PAGE:
            self._kept = deque([*found, *(event for event in self._kept if event.seq > read_seq)])
        else:
            # There may be more before what was handed over.
            self._kept = deque(found)
            self._behind = True
        self._last_seq = self._kept[-1].seq

    async def _wait(self, wait_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._until_s = None if wait_s is None else loop.time() + wait_s
        if self._until_s is not None and (self._timer is None or self._timer.when() > self._until_s):
            self._set_timer(loop, self._until_s)
        self._waiting = loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at_s, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer serves many waits: setting one for each costs more than all else of a wait."""
        self._timer = None
        if self._waiting is None or self._until_s is None:
            return
        if loop.time() < self._until_s:
            self._set_timer(loop, self._until_s)
        else:
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
