"""A house that runs flows: real queues, executors and tables; what is called is scripted by capability."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from contracts.job_house import House, Worker
from features.tasks.houses import SITE, ShelfFiles, ShelfRegistry
from roundhouse.core.errors import NotLocal
from roundhouse.core.jobs import Job, NewJob
from roundhouse.core.transports import CapabilityReply, Exchange
from roundhouse.core.types import Caller
from roundhouse.features.access.plans.quotas import PlanQuotas
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.attempts.keeping import Keeping
from roundhouse.features.tasks.attempts.model import Attempt
from roundhouse.features.tasks.flows.execution import Desk
from roundhouse.features.tasks.flows.jobs import FLOW, FlowJobs
from roundhouse.features.tasks.flows.schemas import FlowRead
from roundhouse.features.tasks.flows.service import FlowService
from roundhouse.features.tasks.human.forms import SchemaForms
from roundhouse.features.tasks.human.schemas import HumanRequestRead
from roundhouse.features.tasks.human.service import Inbox
from roundhouse.features.tasks.model import Capability
from roundhouse.features.tasks.running.counting import TaskCounting
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event, page

TUTOR = Caller("key_t", site_id="a", user_id="an", scopes=frozenset({"human"}))
OTHER_TUTOR = Caller("key_u", site_id="a", user_id="bo", scopes=frozenset({"human"}))


class Plays:
    """Answers calls as the script of the capability tells: outputs, errors, futures; the last one again and again.

    Attributes:
        keys: (capability, idempotency key) of all calls.
        inputs: By capability the inputs.
        timeouts_s: By capability the time limits.
    """

    def __init__(self, scripts: dict[str, list[Any]]) -> None:
        self.scripts = scripts
        self.keys: list[tuple[str, str]] = []
        self.inputs: dict[str, list[Any]] = {}
        self.timeouts_s: dict[str, list[float | None]] = {}
        self._entered = asyncio.Event()

    def check_input(self, capability: Capability, given: Any) -> None:
        pass

    async def check_inside(self, capability: Capability) -> None:
        if "outside" in capability.name:
            raise NotLocal("It is outside.")

    async def call(
        self,
        capability: Capability,
        given: Any,
        caller: Caller,
        *,
        idempotency_key: str,
        timeout_s: float | None = None,
        exchange: Exchange | None = None,
    ) -> CapabilityReply:
        if caller.local_only:
            await self.check_inside(capability)
        if exchange is not None:
            exchange.begun = True
        self.keys.append((capability.name, idempotency_key))
        self.inputs.setdefault(capability.name, []).append(given)
        self.timeouts_s.setdefault(capability.name, []).append(timeout_s)
        self._entered.set()
        script = self.scripts[capability.name]
        outcome = script[0] if len(script) == 1 else script.pop(0)
        if isinstance(outcome, asyncio.Future):
            outcome = await outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return CapabilityReply(outcome)

    async def entered(self, calls: int = 1) -> None:
        """Wait until so many calls were made in all."""
        async with asyncio.timeout(20):
            while len(self.keys) < calls:
                self._entered.clear()
                await self._entered.wait()


class FlowHouse:
    """Everything of flows and people over one database."""

    def __init__(self, db: Database, clock: Any, folder: Path, **scripts: list[Any]) -> None:
        self.db = db
        self.clock = clock
        self.plays = Plays(scripts)
        # Whatever has `once` in its name may not be repeated.
        self.registry = ShelfRegistry(
            *(
                Capability(id=f"cap_{name}", site_id="a", name=name, version=1, idempotent="once" not in name)
                for name in scripts
            )
        )
        self.quotas = PlanQuotas(clock)
        self.files = ShelfFiles()
        self.forms = SchemaForms()
        self.runs = self._runs()
        self.house = House(db, clock, folder, [self.runs.pipeline])
        self.service = FlowService(db, self.registry, self.plays, self.forms, clock)
        self.inbox = Inbox(db, self.house.queue, self.forms, clock)

    def _runs(self) -> FlowJobs:
        keeping: Any = Keeping(self.files, 86_400.0)  # type: ignore[arg-type]  # a shelf in place of the files' room
        desk = Desk(self.db, self.registry, self.plays, keeping, self.clock)
        return FlowJobs(desk, self.forms, counting=TaskCounting(self.quotas))

    async def keep(self, *steps: Any, name: str = "f", **more: Any) -> FlowRead:
        return await self.service.put(SITE, name, {"steps": list(steps), **more})

    async def task(self, given: Any = None, name: str = "f", **more: Any) -> Job:
        ordered = await self.runs.order(SITE, name, None, given)
        caller = msgspec.structs.replace(SITE, local_only=ordered.local_only)
        return await self.house.queue.accept(caller, NewJob(FLOW, ordered.input, **more))

    async def run(self, *steps: Any, given: Any = None, beats: int = 1, **more: Any) -> Job:
        """Keep a flow, run a task of it; the job as it is then."""
        await self.keep(*steps, **more)
        job = await self.task(given)
        await (await self.executor()).work(beats)
        return await self.job(job)

    async def signal(self, job: Job, name: str, payload: Any = None, caller: Caller = SITE) -> bool:
        """Bring a task a signal; False when it counts no more."""
        async with self.db.begin() as tx:
            waited, kept = await self.runs.signal(tx, caller, job, name, payload)
            return await self.house.queue.wake(tx, job.id, waited, kept)

    async def executor(self) -> Worker:
        return await self.house.hire()

    async def job(self, job: Job) -> Job:
        return await self.house.job(job)

    async def attempts(self, job: Job) -> list[Attempt]:
        async with self.db.read() as tx:
            return await attempts.of_job(tx, "a", job.id)

    async def told(self, job: Job) -> list[Event]:
        async with self.db.read() as tx:
            return list(await page(tx, "a", job.id, 0, 500))

    async def kinds(self, job: Job) -> list[str]:
        return [one.type for one in await self.told(job)]

    async def asked(self, caller: Caller = SITE, **more: Any) -> list[HumanRequestRead]:
        wanted: dict[str, Any] = {"state": "all", "assignees": [], "task_id": None, "sort": "due"}
        found = await self.inbox.page(caller, **(wanted | more), cursor=None, limit=50)
        return found.data

    async def trace(self, job: Job) -> dict[str, Any]:
        async with self.db.read() as tx:
            return await self.runs.trace(tx, SITE, await self.job(job))

    def unsafe(self, name: str) -> None:
        self.registry.known[name] = msgspec.structs.replace(self.registry.known[name], idempotent=False)


def call(step: str, use: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": step, "use": use or step, "retry": {"max": 2, "base_s": 0}, **more}


def person(step: str = "person", when: list[str] | None = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": step, "human": {"kind": "edit", **more}}
    return made if when is None else made | {"when": when}


def signal(step: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": step, "signal": name or step, **more}
