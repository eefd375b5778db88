"""Jobs of the room: `recording.process` works on a recording, `recording.cleanup` deletes what was kept long enough."""

from __future__ import annotations

from functools import partial

from roundhouse.core.jobs import NewJob, Pipeline, RetryPolicy, Schedule, Step, StepContext
from roundhouse.features.audio.ports import Desk
from roundhouse.features.audio.service.accepting import PROCESS
from roundhouse.features.audio.service.retention import Retention
from roundhouse.features.audio.stages.cleaning import clean
from roundhouse.features.audio.stages.fetching import fetch
from roundhouse.features.audio.stages.finishing import finish
from roundhouse.features.audio.stages.hearing import transcribe
from roundhouse.features.audio.stages.preparing import prepare
from roundhouse.features.audio.stages.speaking import tell_speakers_apart
from roundhouse.features.audio.stages.summarising import summarise

CLEANUP = "recording.cleanup"
"""Kind of the job that cleans up."""

_STAGES = (
    ("fetch", fetch),
    ("prepare", prepare),
    ("transcribe", transcribe),
    ("speakers", tell_speakers_apart),
    ("clean", clean),
    ("summarise", summarise),
    ("finish", finish),
)


class RecordingJobs:
    """What the room has done in the background.

    What a stage makes is in the recording's row before its step ends; the step's own output is a few numbers.

    Args:
        desk: What the stages work with.
        retention: Cleans up.

    Attributes:
        pipelines: Of both kinds.
        schedule: When the clean-up comes.
    """

    def __init__(self, desk: Desk, retention: Retention) -> None:
        self._retention = retention
        settings = desk.settings
        work = Pipeline(
            PROCESS,
            tuple(Step(name, partial(run, desk)) for name, run in _STAGES),
            queue=settings.queue,
            revision=2,
            accepts=(1,),
            retry=RetryPolicy(max_attempts=4, base_s=5.0, factor=3.0, max_s=120.0),
            timeout_s=settings.job_timeout_s,
        )
        steps = (
            Step("settle", self._settle),
            Step("recordings", self._expire),
            Step("sound", self._expire_sound),
        )
        self.pipelines = (work, Pipeline(CLEANUP, steps))
        # Not when the other clean-ups come.
        self.schedule = Schedule("recording-clean-up", "29 * * * *", NewJob(CLEANUP))

    async def _settle(self, _: StepContext) -> int:
        return await self._retention.settle()

    async def _expire(self, _: StepContext) -> int:
        return await self._retention.expire()

    async def _expire_sound(self, context: StepContext) -> dict[str, int]:
        muted = await self._retention.expire_sound()
        return {
            "settled": context.results["settle"],
            "deleted": context.results["recordings"],
            "sound": muted,
        }
