"""Jobs of the room: `session.cleanup` ends old sessions, once a day, and removes those that were deleted long ago."""

from __future__ import annotations

from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step, StepContext
from roundhouse.core.settings import ChatSettings
from roundhouse.features.chat.service import UpkeepService

SESSION_CLEANUP = "session.cleanup"
"""Kind of the job."""


class ChatCleanUp:
    """Does what the settings say about old and deleted sessions.

    Args:
        upkeep: Does it.
        settings: After how many days; None = never.

    Attributes:
        pipeline: Of the kind `session.cleanup`.
        schedule: When it comes; None = there is nothing to do.
    """

    def __init__(self, upkeep: UpkeepService, settings: ChatSettings) -> None:
        self._upkeep = upkeep
        self._settings = settings
        self.pipeline = Pipeline(SESSION_CLEANUP, (Step("old", self._old), Step("deleted", self._deleted)))
        wanted = settings.cleanup_days is not None or settings.deleted_keep_days is not None
        # At night by UTC, and not on the full hour.
        self.schedule = (
            Schedule("session-clean-up", "43 3 * * *", NewJob(SESSION_CLEANUP)) if wanted else None
        )

    async def _old(self, _: StepContext) -> int:
        if self._settings.cleanup_days is None:
            return 0
        return await self._upkeep.clean_up_house(self._settings.cleanup_days, self._settings.cleanup_action)

    async def _deleted(self, context: StepContext) -> dict[str, int]:
        days = self._settings.deleted_keep_days
        removed = 0 if days is None else await self._upkeep.remove_deleted(days)
        return {"old": context.results["old"], "removed": removed}
