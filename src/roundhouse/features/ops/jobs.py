"""Jobs of the room: `ops.cleanup` deletes, once an hour, what was kept long enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step, StepContext
from roundhouse.core.ports import Clock
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import delete_before
from roundhouse.infra.jobs.model import Durable
from roundhouse.infra.jobs.sweeps import clean_up

CLEANUP = "ops.cleanup"
"""Kind of the job."""

_DAY_S = 86_400.0
_BATCH = 1000


class CleanUp:
    """Deletes jobs, events and files whose time is over.

    Args:
        db: The database.
        clock: Time.
        job_folders: Where jobs have their folders.
        events_keep_days: How long events are kept.
        files: Deletes expired files and returns how many they were; None = there are no files.

    Attributes:
        durable: Where finished steps are kept; set in a process that runs jobs.
        pipeline: Of the kind `ops.cleanup`.
        schedule: When it comes.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        job_folders: Path,
        events_keep_days: float,
        files: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.durable: Durable | None = None
        self._db = db
        self._clock = clock
        self._job_folders = job_folders
        self._events_keep_s = events_keep_days * _DAY_S
        self._files = files
        steps = (Step("jobs", self._jobs), Step("events", self._events), Step("files", self._expired_files))
        self.pipeline = Pipeline(CLEANUP, steps)
        # Not on the full hour, when everybody's clocks do something.
        self.schedule = Schedule("clean-up", "17 * * * *", NewJob(CLEANUP))

    async def _jobs(self, _: StepContext) -> int:
        if self.durable is None:
            raise RoundhouseError("This process runs no jobs.")
        return await clean_up(self._db, self.durable, self._job_folders, self._clock.now_s())

    async def _events(self, _: StepContext) -> int:
        before_s = self._clock.now_s() - self._events_keep_s
        deleted = 0
        while True:
            async with self._db.begin() as tx:
                count = await delete_before(tx, before_s, _BATCH)
            deleted += count
            if count < _BATCH:
                return deleted

    async def _expired_files(self, context: StepContext) -> dict[str, int]:
        files = 0 if self._files is None else await self._files()
        return {"jobs": context.results["jobs"], "events": context.results["events"], "files": files}
