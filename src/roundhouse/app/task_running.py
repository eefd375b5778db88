"""Tasks as an API process takes them: accepted, run at once where there is room, followed, told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from roundhouse import __version__
from roundhouse.app.task_flows import FlowRuns
from roundhouse.core.ports import Gatekeeper
from roundhouse.core.webhooks import Webhooks
from roundhouse.features.tasks.running import routes
from roundhouse.features.tasks.running.accepting import Accepting
from roundhouse.features.tasks.running.runner import TaskRunner
from roundhouse.features.tasks.running.service import TaskService
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.at_once import CANCEL_REQUESTED, AtOnce

if TYPE_CHECKING:
    from roundhouse.app.parts import Parts


class TaskRunning:
    """The verbs of tasks of one process, and the calls that it makes itself.

    Args:
        parts: The shared parts of the process.
        gatekeeper: Whether a caller may ask now.
        hooks: Webhooks of single tasks.

    Attributes:
        service: The verbs.
        runner: Runs capabilities for who waits.
    """

    def __init__(self, parts: Parts, gatekeeper: Gatekeeper, hooks: Webhooks[Tx]) -> None:
        self._parts = parts
        mine, settings = parts.tasks, parts.settings
        self._at_once = AtOnce(
            parts.db,
            parts.pipelines,
            settings.jobs,
            settings.data_dir,
            parts.clock,
            version=__version__,
            most=settings.tasks.at_once,
        )
        flows = FlowRuns(mine.flows)
        accepting = Accepting(
            parts.db,
            parts.jobs,
            self._at_once,
            mine.calls,
            mine.registry,
            mine.calling,
            parts.clock,
            parts.quotas,
            flows,
            hooks,
        )
        self.service = TaskService(
            parts.db, parts.jobs, accepting, parts.tail, parts.clock, gatekeeper, flows=flows
        )
        self.runner = TaskRunner(self.service, parts.clock)
        parts.tail.on_event(self._at_once.heard, (CANCEL_REQUESTED,))
        parts.tail.on_event(self.service.heard, ("job.failed", "job.cancelled"))

    def router(self) -> APIRouter:
        """All routes of tasks."""
        return routes.router(self.service, self._parts.tail, self._parts.clock)

    async def start(self) -> None:
        """Make up for what ended while no server looked.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await self.service.forget_left()

    async def close(self) -> None:
        """End the calls of this process: those that take longer are left to executors."""
        await self._at_once.close()
        await self.service.close()
