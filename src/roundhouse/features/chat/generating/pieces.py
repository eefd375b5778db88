"""The one writer of pieces of a process: what all its generations said in an interval is committed together.

One commit costs a sync of the disk, so it is shared. No reader is handed a piece from memory: readers see what this
writer has committed. Whether a commit whose outcome was lost (the connection broke in it) is in the table is looked up
before it is tried again, and a process that others took for dead meanwhile finds that its generations are not its own
any more and writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import sqlalchemy as sa
import structlog

from roundhouse.core.errors import Conflict, RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.model import DELTA
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, NewEvent, append, newest_of

INTERVAL_S = 0.045
"""From one commit's beginning to the next one's: with the commit itself no piece waits 50 ms."""

MOST_WAITING_CHARS = 256 * 1024
"""A generation of which more waits to be written is held up."""

_RETRY_S = 0.5
_TURNS = 3

_log = structlog.get_logger(__name__)


class Track:
    """What one generation has said and is not yet committed.

    Args:
        generation_id: Topic of its events.
        site_id: Tenant.

    Attributes:
        lost: Whether another process has taken the generation over; nothing of it is written any more.
    """

    __slots__ = ("_index", "_pieces", "_waiting_chars", "generation_id", "lost", "site_id")

    def __init__(self, generation_id: str, site_id: str) -> None:
        self.generation_id = generation_id
        self.site_id = site_id
        self.lost = False
        self._index = 0
        self._pieces: list[str] = []
        self._waiting_chars = 0

    @property
    def waiting_chars(self) -> int:
        """Characters that wait to be committed."""
        return self._waiting_chars

    def add(self, text: str) -> None:
        """Keep a piece until it is committed."""
        self._pieces.append(text)
        self._waiting_chars += len(text)

    def event(self, at_s: float) -> NewEvent | None:
        """All that waits as one event, None when nothing does; `taken` forgets it."""
        if not self._pieces:
            return None
        data = {"index": self._index, "text": "".join(self._pieces)}
        return NewEvent(self.site_id, self.generation_id, DELTA, data, at_s)

    def taken(self) -> None:
        """What the last `event` told is somebody else's business; what comes next has the next index."""
        self._pieces.clear()
        self._waiting_chars = 0
        self._index += 1


class _Batch(msgspec.Struct):
    """What is committed together, by generation; `unsure` once its outcome was lost."""

    events: dict[str, tuple[Track, NewEvent]]
    unsure: bool = False


class PieceWriter:
    """Commits pieces.

    Args:
        db: The database.
        clock: Time.
        owner: Id of this process's presence.
        committed: Told of what was committed, at once.
        interval_s: See `INTERVAL_S`.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        owner: str,
        committed: Callable[[Sequence[Event]], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._db = db
        self._clock = clock
        self._owner = owner
        self._committed = committed
        self._interval_s = interval_s
        self._dirty: set[Track] = set()
        self._batch: _Batch | None = None
        self._called: list[Callable[[], None]] = []
        self._wanted = asyncio.Event()
        self._working = asyncio.Lock()
        self._told = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="pieces")

    async def close(self) -> None:
        """End; what still waits is not written."""
        await stop(self._task, self._working)

    def give(self, track: Track, text: str) -> None:
        """Have a piece written; it is in the table within 50 ms unless the database is away. Never waits."""
        track.add(text)
        self._dirty.add(track)
        self._wanted.set()

    def at_next(self, act: Callable[[], None]) -> None:
        """Have `act` called right before the next commit: what it has given soon after goes with it. A `Beat`."""
        self._called.append(act)
        self._wanted.set()

    async def room(self, track: Track) -> None:
        """Wait until not too much of a generation is waiting; at once, as a rule."""
        while track.waiting_chars > MOST_WAITING_CHARS and not track.lost:
            await self._clock.sleep(self._interval_s)

    @asynccontextmanager
    async def closing(self, track: Track) -> AsyncGenerator[NewEvent | None]:
        """Around the transaction that ends a generation, which says nothing more; gives what is to be written in it.

        When the block raises, all is as before and it may be tried again.

        Raises:
            StorageUnavailable, StorageFull: What was to be written before cannot be.
        """
        self._dirty.discard(track)
        if self._writes(track):
            async with self._working:
                if self._batch is not None and self._writes(track):
                    await self._commit(self._batch)
        rest = None if track.lost else track.event(self._clock.now_s())
        yield rest
        if rest is not None:
            track.taken()

    def _writes(self, track: Track) -> bool:
        return self._batch is not None and track.generation_id in self._batch.events

    async def _run(self) -> None:
        next_s = 0.0
        while True:
            await self._wanted.wait()
            # The first piece after a silence goes at once, those behind it together.
            pause_s = next_s - self._clock.monotonic_s()
            if pause_s > 0:
                await self._clock.sleep(pause_s)
            next_s = self._clock.monotonic_s() + self._interval_s
            if self._called:
                called, self._called = self._called, []
                for act in called:
                    act()
                # What lies ready for them is read, parsed and given before this task goes on.
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
            try:
                async with self._working:
                    await self._flush()
            except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                self._failed(error)
                self._wanted.set()
                await self._clock.sleep(_RETRY_S)
            else:
                self._mended()

    async def _flush(self) -> None:
        if self._batch is None:
            if not self._called:
                self._wanted.clear()
            self._batch = self._take()
        if self._batch is not None:
            await self._commit(self._batch)

    def _take(self) -> _Batch | None:
        now_s = self._clock.now_s()
        events: dict[str, tuple[Track, NewEvent]] = {}
        for track in self._dirty:
            event = track.event(now_s)
            if event is None:
                continue
            track.taken()
            if not track.lost:
                events[track.generation_id] = (track, event)
        self._dirty.clear()
        return _Batch(events) if events else None

    async def _commit(self, batch: _Batch) -> None:
        while batch.events:
            try:
                self._committed(await self._db.whole(lambda tx: self._write(tx, batch)))
                break
            except Conflict:
                # Those that were lost are out of the batch; the others are tried again at once.
                continue
            except BaseException:
                batch.unsure = True
                raise
        self._batch = None

    async def _write(self, tx: Tx, batch: _Batch) -> list[Event]:
        fresh = [event for _, event in batch.events.values()]
        if batch.unsure:
            fresh = [event for event in fresh if not await _is_there(tx, event)]
        written = await append(tx, *fresh)
        # Behind the lock on the event stream: who ends a generation from outside holds it too, until its commit.
        mine = {one.id for one in await store.owned(tx, self._owner)}
        lost = [name for name in batch.events if name not in mine]
        for name in lost:
            batch.events.pop(name)[0].lost = True
        if lost:
            raise Conflict("Another process ended these generations.")
        return written

    def _failed(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            _log.warning("pieces_unwritten", error=type(error).__name__)

    def _mended(self) -> None:
        if self._told:
            self._told = False
            _log.info("pieces_written_again")


async def _is_there(tx: Tx, event: NewEvent) -> bool:
    newest = await newest_of(tx, event.site_id, event.topic)
    return newest is not None and newest.type == DELTA and newest.data["index"] >= event.data["index"]
