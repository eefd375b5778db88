"""Puts the index in order behind the scenes."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database
from roundhouse.infra.search import store
from roundhouse.infra.search.store import CHANGES, NEW_ENTRIES, REMOVED

_log = structlog.get_logger(__name__)


class Tidying:
    """Puts the index in order as long as the process lives; one process of an installation is enough.

    Args:
        db: The database.
        clock: Time.
        pause_s: Between two looks, when there is nothing to do.
    """

    def __init__(self, db: Database, clock: Clock, pause_s: float = 5.0) -> None:
        self._db = db
        self._clock = clock
        self._pause_s = pause_s
        self._working = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

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
            await self._clock.sleep(0.05 if busy else self._pause_s)

    async def _look(self) -> bool:
        async with self._db.read() as tx:
            if await store.worn_space(tx, REMOVED) is None and (
                await store.untidy_space(tx, CHANGES, NEW_ENTRIES) is None
            ):
                return False
        # Not before there is work: it needs numpy.
        from roundhouse.infra.search.upkeep import tidy

        return await tidy(self._db)
