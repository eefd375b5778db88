"""Questions of tasks that ended by something else: cancelled, out of time, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.jobs import ENDED_STATES
from roundhouse.core.ports import Clock
from roundhouse.features.tasks.human import asking
from roundhouse.features.tasks.human.model import UNDECIDED
from roundhouse.features.tasks.human.rows import human_requests
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.jobs.rows import jobs

_BATCH = 200

_log = structlog.get_logger(__name__)


class Closing:
    """Closes questions that nobody waits for any more.

    Args:
        db: The database.
        kind: Of the jobs that ask.
        clock: Time.
    """

    def __init__(self, db: Database, kind: str, clock: Clock) -> None:
        self._db = db
        self._kind = kind
        self._clock = clock
        self._going: set[asyncio.Task[None]] = set()

    def heard(self, event: Event) -> None:
        """Hear that a job ended without an answer."""
        if event.data.get("kind") == self._kind and event.type in ("job.failed", "job.cancelled"):
            task = asyncio.create_task(self._close_soon([event.topic]), name="end of a question")
            self._going.add(task)
            task.add_done_callback(self._going.discard)

    async def all(self) -> int:
        """Close those of all tasks that have ended, for what happened while nobody listened; how many."""
        ended = sa.select(jobs.c.id).where(
            jobs.c.id == human_requests.c.job_id, jobs.c.state.in_(ENDED_STATES)
        )
        query = sa.select(human_requests.c.job_id).where(
            human_requests.c.state.in_(UNDECIDED), ended.exists()
        )
        closed = 0
        while True:
            async with self._db.read() as tx:
                found = list((await tx.execute(query.limit(_BATCH))).scalars())
            if not found:
                return closed
            closed += await self._close(found)

    async def close(self) -> None:
        """Wait for what was heard."""
        await asyncio.gather(*self._going)

    async def _close_soon(self, job_ids: Sequence[str]) -> None:
        try:
            await self._close(job_ids)
        except (StorageUnavailable, StorageFull) as error:
            _log.warning("question_not_closed", jobs=len(job_ids), error=error.detail)

    async def _close(self, job_ids: Sequence[str]) -> int:
        async with self._db.begin() as tx:
            return await asking.cancel(tx, list(job_ids), self._clock.now_s())
