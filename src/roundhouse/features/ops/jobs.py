"""Jobs of the room: `ops.cleanup` deletes, once an hour, what was kept long enough; `disk.clean` what was asked for."""

from __future__ import annotations

from functools import partial
from typing import Any

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step, StepContext
from roundhouse.features.ops.schemas import PARTS, Part
from roundhouse.features.ops.service.cleaning import CleaningService
from roundhouse.features.ops.service.upkeep import CLEAN, outcome
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


class DiskClean:
    """Deletes old logs, recordings and leftovers, as somebody asked for it; each part is a step of its own.

    Its input has `parts`, names of `PARTS`, and `days`, an age or null.

    Args:
        cleaning: Does it.

    Attributes:
        pipeline: Of the kind `disk.clean`.
    """

    def __init__(self, cleaning: CleaningService) -> None:
        self._cleaning = cleaning
        steps = tuple(Step(part, partial(self._clean, part)) for part in PARTS)
        self.pipeline = Pipeline(CLEAN, (*steps, Step("summary", self._sum)))

    async def _clean(self, part: Part, context: StepContext) -> dict[str, object]:
        asked = context.job.input
        if part not in asked["parts"]:
            return {"kinds": [], "kept": []}
        return outcome(await self._cleaning.clean([part], days=asked["days"]))

    async def _sum(self, context: StepContext) -> dict[str, Any]:
        kinds = [one for part in PARTS for one in context.results[part]["kinds"]]
        return {
            "count": sum(one["count"] for one in kinds),
            "size_bytes": sum(one["size_bytes"] for one in kinds),
            "kinds": kinds,
            "kept": [one for part in PARTS for one in context.results[part]["kept"]],
        }
