"""Jobs of imports: `capability.drift` looks each night whether sources still say what was approved."""

from __future__ import annotations

from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step, StepContext
from roundhouse.features.tasks.importing.drifting import DriftService

DRIFT = "capability.drift"
"""Kind of the job."""


class DriftJobs:
    """The nightly look at all sources.

    Args:
        drift: Looks.

    Attributes:
        pipeline: Of the kind `capability.drift`.
        schedule: When it comes.
    """

    def __init__(self, drift: DriftService) -> None:
        self._drift = drift
        self.pipeline = Pipeline(DRIFT, (Step("check", self._check),))
        # At night by UTC, and not on the full hour.
        self.schedule = Schedule("capability-drift", "17 2 * * *", NewJob(DRIFT))

    async def _check(self, _: StepContext) -> dict[str, int]:
        found = await self._drift.check()
        told = {"sources": found.sources, "failed": found.failed}
        return {**told, "drifted": len(found.drifted), "settled": len(found.settled)}
