"""Places for tasks that a plan queued: given in the order in which they were asked for, as soon as others end."""

from __future__ import annotations

import asyncio

import structlog

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.ports import Clock
from roundhouse.features.access.plans import store
from roundhouse.infra.background import stop
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs import transitions

LOOK_S = 1.0
_BATCH = 200

_log = structlog.get_logger(__name__)


class PlaceGiver:
    """Looks every second whether somebody waits for whom there is a place.

    Args:
        db: The database.
        clock: Time.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._giving = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="quota places")

    async def close(self) -> None:
        """Stop."""
        await stop(self._task, self._giving)
        self._task = None

    async def give(self) -> int:
        """Give the places that are free; how many.

        Raises:
            StorageUnavailable, StorageFull: Next time.
        """
        async with self._giving:
            now_s = self._clock.now_s()
            async with self._db.read() as tx:
                waiting = await store.waiting(tx, now_s, _BATCH)
            given = 0
            for task_id in waiting:
                # One at a time: what is locked is locked for a moment only.
                async with self._db.begin() as tx:
                    given += await self._place(tx, task_id, now_s)
            return given

    async def _place(self, tx: Tx, task_id: str, now_s: float) -> bool:
        rows = await store.reservations(tx, [task_id])
        found = await store.lock_assignments(tx, [row.assignment_id for row in rows])
        running = await store.placed(tx, [one.assignment.id for one in found])
        for one in found:
            most = one.plan.limits.concurrent_tasks
            if most is not None and running.get(one.assignment.id, 0) >= most:
                return False
        job = await transitions.lock_one(tx, task_id)
        if job is None or job.ended:
            return False
        await store.place(tx, task_id)
        if job.state == "queued" and job.run_after_s is not None:
            await transitions.change_all(tx, [(job, "job.queued", {"run_after_s": None})], now_s)
        return True

    async def _run(self) -> None:
        failing = False
        while True:
            await self._clock.sleep(LOOK_S)
            try:
                await self.give()
            except RoundhouseError as error:
                if not failing:
                    _log.warning("quota_places_not_given", error=error.detail)
                failing = True
            else:
                failing = False
