"""Flows and the inbox of people, as an API process serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from roundhouse.core.jobs import Job
from roundhouse.core.types import Caller
from roundhouse.features.tasks.flows import routes as flow_routes
from roundhouse.features.tasks.flows.jobs import FLOW, FlowJobs
from roundhouse.features.tasks.flows.service import FlowService
from roundhouse.features.tasks.human import routes as human_routes
from roundhouse.features.tasks.human.closing import Closing
from roundhouse.features.tasks.human.service import Inbox
from roundhouse.features.tasks.running.ports import FlowOrder
from roundhouse.infra.db import Tx
from roundhouse.infra.rooms import gathered

if TYPE_CHECKING:
    from roundhouse.app.parts import Parts


class FlowRuns:
    """Runs of flows as tasks see them; implements `features.tasks.running.ports.Flows`.

    Args:
        jobs: What runs flows.
    """

    def __init__(self, jobs: FlowJobs) -> None:
        self._jobs = jobs

    async def order(self, caller: Caller, name: str, version: int | None, given: Any) -> FlowOrder:
        """See `features.tasks.running.ports.Flows.order`."""
        found = await self._jobs.order(caller, name, version, given)
        return FlowOrder(found.name, found.version, FLOW, found.input, found.cost_units, found.local_only)

    async def forget(self, tx: Tx, job: Job) -> dict[str, Any]:
        """See `features.tasks.running.ports.Flows.forget`."""
        return await self._jobs.forget(tx, job)

    async def trace(self, tx: Tx, caller: Caller, job: Job) -> dict[str, Any]:
        """See `features.tasks.running.ports.Flows.trace`."""
        return await self._jobs.trace(tx, caller, job)

    async def signal(
        self, tx: Tx, caller: Caller, job: Job, name: str, payload: Any
    ) -> tuple[str, dict[str, Any]]:
        """See `features.tasks.running.ports.Flows.signal`."""
        return await self._jobs.signal(tx, caller, job, name, payload)


class FlowRoom:
    """The verbs of flows and of the inbox of one process.

    Args:
        parts: The shared parts of the process.
    """

    def __init__(self, parts: Parts) -> None:
        mine = parts.tasks
        self._flows = FlowService(parts.db, mine.registry, mine.calling, mine.forms, parts.clock)
        self._inbox = Inbox(parts.db, parts.jobs, mine.forms, parts.clock)
        self._closing = Closing(parts.db, FLOW, parts.clock)
        parts.tail.on_event(self._closing.heard, ("job.failed", "job.cancelled"))

    def router(self) -> APIRouter:
        """All routes of flows and of the inbox."""
        return gathered(flow_routes.router(self._flows), human_routes.router(self._inbox))

    async def start(self) -> None:
        """Close the questions of tasks that ended while no server looked.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        await self._closing.all()

    async def close(self) -> None:
        """Wait for what was heard."""
        await self._closing.close()
