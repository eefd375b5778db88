"""Jobs of the room: `ops.cleanup` deletes, once an hour, what was kept long enough."""

from __future__ import annotations

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step, StepContext
from roundhouse.features.ops.service.cleaning import CleaningService
from roundhouse.infra.jobs.model import Durable

CLEANUP = "ops.cleanup"
"""Kind of the job."""


class CleanUp:
    """Deletes jobs, events, files and logs whose time is over.

    Args:
        cleaning: Does it.

    Attributes:
        durable: Where finished steps are kept; set in a process that runs jobs.
        pipeline: Of the kind `ops.cleanup`.
        schedule: When it comes.
    """

    def __init__(self, cleaning: CleaningService) -> None:
        self.durable: Durable | None = None
        self._cleaning = cleaning
        steps = (
            Step("jobs", self._jobs),
            Step("events", self._events),
            Step("logs", self._logs),
            Step("files", self._expired_files),
        )
        self.pipeline = Pipeline(CLEANUP, steps, revision=2, accepts=(1,))
        # Not on the full hour, when everybody's clocks do something.
        self.schedule = Schedule("clean-up", "17 * * * *", NewJob(CLEANUP))

    async def _jobs(self, _: StepContext) -> int:
        if self.durable is None:
            raise RoundhouseError("This process runs no jobs.")
        return await self._cleaning.expired_jobs(self.durable)

    async def _events(self, _: StepContext) -> int:
        return await self._cleaning.old_events()

    async def _logs(self, _: StepContext) -> int:
        return len((await self._cleaning.clean(["logs"])).removed)

    async def _expired_files(self, context: StepContext) -> dict[str, int]:
        counted = {name: int(context.results[name]) for name in ("jobs", "events", "logs")}
        return {**counted, "files": await self._cleaning.expired_files()}
