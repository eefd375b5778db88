"""What is left of jobs that ended without a word: cancelled, killed too often, out of time."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa
import structlog

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.jobs import ENDED_STATES
from roundhouse.core.ports import Clock
from roundhouse.features.knowledge.ingesting.holding import FileEnd, Work, end
from roundhouse.features.knowledge.stores.rows import documents, store_files
from roundhouse.features.knowledge.stores.work import INGEST
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.jobs.rows import jobs

_BATCH = 200

_log = structlog.get_logger(__name__)


class Settling:
    """Gives files the state of jobs that ended.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._going: set[asyncio.Task[None]] = set()

    def heard(self, event: Event) -> None:
        """Hear that a job ended: what its steps could not write down is written now."""
        if event.data.get("kind") != INGEST or event.type not in ("job.failed", "job.cancelled"):
            return
        task = asyncio.create_task(self._settle_soon(event.topic), name="end of an ingestion")
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def close(self) -> None:
        """Wait for what was heard."""
        await asyncio.gather(*self._going)

    async def all(self) -> int:
        """Settle all files whose jobs have ended or are gone; how many."""
        settled = 0
        after = ("", "")
        while True:
            async with self._db.read() as tx:
                found = (await tx.execute(_open_ones(after))).all()
            for one in found:
                settled += await self._settle(one.store_id, one.file_id, one.job_id)
            if len(found) < _BATCH:
                return settled
            after = (found[-1].store_id, found[-1].file_id)

    async def give_up_dead(self) -> int:
        """Documents whose jobs have ended, but for failed ones that may be retried, are to be removed; how many."""
        going = sa.select(jobs.c.id).where(jobs.c.id == documents.c.job_id, jobs.c.state != "completed")
        dead = sa.and_(documents.c.state == "writing", ~going.exists())
        async with self._db.begin() as tx:
            changed = await tx.execute(sa.update(documents).where(dead).values(state="gone"))
            return int(changed.rowcount)

    async def _settle_soon(self, job_id: str) -> None:
        try:
            async with self._db.read() as tx:
                mine = sa.select(store_files.c.store_id, store_files.c.file_id)
                found = (await tx.execute(mine.where(store_files.c.job_id == job_id))).all()
            for store_id, file_id in found:
                await self._settle(store_id, file_id, job_id)
        except (StorageUnavailable, StorageFull) as error:
            _log.warning("ingestion_not_settled", job=job_id, error=error.detail)

    async def _settle(self, store_id: str, file_id: str, job_id: str) -> bool:
        async with self._db.begin() as tx:
            query = sa.select(jobs).where(jobs.c.id == job_id)
            row = (await tx.execute(query)).mappings().one_or_none()
            state = "failed" if row is None else row["state"]
            if state not in ENDED_STATES:
                return False
            error = None if row is None else row["error"]
            if state == "failed" and error is None:
                error = {"code": "executor_lost", "message": "Its job is gone."}
            status: FileEnd = "cancelled" if state == "cancelled" else "failed"
            work = Work(job_id, store_id, file_id)
            return await end(tx, work, status, error, self._clock.now_s())


def _open_ones(after: tuple[str, str]) -> sa.Select[Any]:
    """Files in progress whose jobs are not: by the index of states only a few rows are looked at."""
    going = sa.select(jobs.c.id).where(jobs.c.id == store_files.c.job_id, jobs.c.state.not_in(ENDED_STATES))
    place = sa.tuple_(store_files.c.store_id, store_files.c.file_id)
    return (
        sa.select(store_files.c.store_id, store_files.c.file_id, store_files.c.job_id)
        .where(store_files.c.status == "in_progress", place > after, ~going.exists())
        .order_by(store_files.c.store_id, store_files.c.file_id)
        .limit(_BATCH)
    )
