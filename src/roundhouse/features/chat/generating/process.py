"""The generations that run in this process: begun, stopped, guarded, and ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import RoundhouseError, ShuttingDown
from roundhouse.core.types import Caller
from roundhouse.features.chat.generating.answering import Answering
from roundhouse.features.chat.generating.guarding import BEAT_S, Guardian
from roundhouse.features.chat.generating.model import STOP_REQUESTED, Begun
from roundhouse.features.chat.generating.pieces import PieceWriter
from roundhouse.features.chat.generating.ports import Desk
from roundhouse.features.chat.generating.presence import Presence
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.infra.background import stop as stop_task
from roundhouse.infra.events.store import Event

Completed = Callable[[Caller, Begun], Awaitable[None]]
"""Called after an answer is complete and committed."""

_PATIENCE_S = 5.0

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Generator:
    """Runs generations.

    Args:
        desk: What every generation needs.
        presence: Of this process.
        index: Told of messages that end.
        committed: Hears of pieces, behind their commit.
        completed: Hears of every complete answer.
    """

    def __init__(
        self,
        desk: Desk,
        presence: Presence,
        index: ChatIndex,
        committed: Callable[[Sequence[Event]], None],
        completed: Completed,
    ) -> None:
        self._desk = desk
        self._presence = presence
        self._index = index
        self._completed = completed
        self._writer = PieceWriter(desk.db, desk.clock, presence.id, committed)
        self._running: dict[str, Answering] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._guardian = Guardian(desk.db, desk.clock, presence, index, self._running.keys(), self.stop)
        self._beginning: set[asyncio.Task[Any]] = set()
        self._following_up: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._working = asyncio.Lock()
        self._closing = False

    @property
    def owner(self) -> str:
        """By this id rows tell that their generations run here."""
        return self._presence.id

    @property
    def in_flight(self) -> int:
        """Generations that run."""
        return len(self._running)

    async def start(self) -> None:
        """Take generations from now on, and end those that dead processes have left.

        Raises:
            StorageUnavailable: The database does not answer, or the lock file cannot be made.
        """
        await self._presence.join()
        await self._guardian.beat()
        self._writer.start()
        self._beating = asyncio.create_task(self._keep_beating(), name="generations")

    async def close(self) -> None:
        """End what runs as interrupted: it can be resumed. A database that is away holds nobody up for long."""
        self._closing = True
        await stop_task(self._beating, self._working)
        if self._beginning:
            await asyncio.wait(self._beginning, timeout=_PATIENCE_S)
        for answering in list(self._running.values()):
            answering.stop("interrupted")
        if self._tasks:
            _, unended = await asyncio.wait(self._tasks.values(), timeout=_PATIENCE_S)
            for task in unended:
                task.cancel()
        for task in self._following_up:
            task.cancel()
        await self._writer.close()
        # A file that is left behind, free, tells the others at once that there is something to be ended.
        self._presence.leave(clean=not self._running)

    def heard(self, event: Event) -> None:
        """Hear of an event: that a generation is to stop."""
        if event.type == STOP_REQUESTED:
            self.stop(event.topic)

    def stop(self, generation_id: str) -> None:
        """Have a generation end with what it has said, if it runs here."""
        answering = self._running.get(generation_id)
        if answering is not None:
            answering.stop("stopped")

    def started(self, generation_id: str) -> Event | None:
        """The first event of a generation that runs here."""
        answering = self._running.get(generation_id)
        return None if answering is None else answering.started

    async def whole(self, beginning: Coroutine[Any, Any, T]) -> T:
        """Await what begins a generation; it goes on when the caller is cancelled.

        Cut off in the middle of a commit nobody would know whether there is something to be run.

        Raises:
            ShuttingDown: This process takes no more.
        """
        if self._closing:
            beginning.close()
            raise ShuttingDown("This process stops; ask another one, or in a moment.")
        task = asyncio.create_task(beginning)
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return await asyncio.shield(task)

    def launch(self, caller: Caller, begun: Begun) -> None:
        """Run a generation that was committed; its caller was admitted by the gatekeeper."""
        generation_id = begun.generation.id
        answering = Answering(self._desk, self._writer, self._index, self.owner, caller, begun)
        self._running[generation_id] = answering
        if self._closing:
            answering.stop("interrupted")
        task = asyncio.create_task(self._run(caller, begun, answering), name=generation_id)
        self._tasks[generation_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(generation_id, None))

    async def ended_here(self, generation_id: str) -> None:
        """Wait until a generation does not run here any more."""
        task = self._tasks.get(generation_id)
        if task is not None:
            await asyncio.wait([task])

    async def _run(self, caller: Caller, begun: Begun, answering: Answering) -> None:
        state = await answering.run()
        # Not in a `finally`: what was cut off by force still stands as running in its row.
        self._running.pop(begun.generation.id, None)
        if state == "completed" and not self._closing:
            task = asyncio.create_task(self._follow_up(caller, begun))
            self._following_up.add(task)
            task.add_done_callback(self._following_up.discard)

    async def _follow_up(self, caller: Caller, begun: Begun) -> None:
        try:
            await self._completed(caller, begun)
        except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
            _log.warning("answer_not_followed_up", generation=begun.generation.id, error=type(error).__name__)

    async def _keep_beating(self) -> None:
        told = False
        while True:
            await self._desk.clock.sleep(BEAT_S)
            try:
                async with self._working:
                    await self._guardian.beat()
                told = False
            except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                if not told:
                    _log.warning("generations_unguarded", error=type(error).__name__)
                told = True
