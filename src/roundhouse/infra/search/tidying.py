"""Indexes what was marked and puts the index in order, behind the scenes."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database
from roundhouse.infra.search import rebuilding
from roundhouse.infra.search.indexer import Indexer

_log = structlog.get_logger(__name__)

_MOST_UNTIDY = 1
_RARELY = 15


class Tidying:
    """Looks after the index as long as the process lives; one process of an installation is enough.

    Args:
        db: The database.
        clock: Time.
        indexer: Indexes what was marked.
        pause_s: Between two looks, when there is nothing to do. What waits for so long is found all the same.
    """

    def __init__(self, db: Database, clock: Clock, indexer: Indexer, pause_s: float = 2.0) -> None:
        self._db = db
        self._clock = clock
        self._indexer = indexer
        self._pause_s = pause_s
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._looked = False
        self._quiet = 0

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work(), name="search upkeep")

    async def close(self) -> None:
        """End between two pieces of work."""
        await stop(self._task, self._working)
        self._task = None

    async def _work(self) -> None:
        while True:
            try:
                async with self._working:
                    busy = await self._look()
            except (RoundhouseError, sa.exc.SQLAlchemyError) as error:
                # Must go on: what is not put in order now is so at the next look.
                _log.warning("search_upkeep_failed", error=type(error).__name__)
                busy = False
            # Never without a pause: who writes messages shares the one writer of SQLite with this.
            await self._clock.sleep(0.02 if busy else self._pause_s)

    async def _look(self) -> bool:
        """Do one piece of the work; False = there is nothing to do."""
        if not self._looked:
            await self._look_at_versions()
        if await self._indexer.step():
            self._quiet = 0
            # While there is more to come, the index must not grow out of order.
            if len(self._indexer.untidy) > _MOST_UNTIDY:
                await self._tidy_one()
            return True
        if self._indexer.untidy:
            await self._tidy_one()
            return True
        self._quiet += 1
        if self._quiet % _RARELY == 1 and await self._indexer.pack():
            self._quiet = 0
            return True
        # Hardly ever is there something: others may have begun it, and left.
        return self._quiet % _RARELY == 1 and await self._make_anew()

    async def _look_at_versions(self) -> None:
        for kind, source in self._indexer.sources.items():
            if await rebuilding.is_outdated(self._db, kind):
                _log.info("search_index_made_anew", kind=kind)
                await rebuilding.begin(self._db, source)
        self._looked = True

    async def _tidy_one(self) -> None:
        # Not before there is work: it needs numpy.
        from roundhouse.infra.search.upkeep import tidy

        space = min(self._indexer.untidy)
        while await tidy(self._db, space):
            await self._clock.sleep(0.02)
        self._indexer.untidy.discard(space)

    async def _make_anew(self) -> bool:
        for source in self._indexer.sources.values():
            if await rebuilding.step(self._db, source) is not None:
                self._quiet = 0
                return True
        swept = await rebuilding.sweep(self._db, sorted(self._indexer.sources))
        self._quiet = 0 if swept else self._quiet
        return swept
