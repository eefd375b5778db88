"""A house that runs tasks: real queues, executors and tables; what is called is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from contracts.job_house import House, Worker
from roundhouse.core.errors import (
    AddressRefused,
    BackendDown,
    NotFound,
    NotLocal,
    RoundhouseError,
    Unprocessable,
)
from roundhouse.core.settings import JobSettings
from roundhouse.core.transports import CapabilityReply, Exchange
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.features.access.plans.quotas import PlanQuotas
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.attempts.keeping import Keeping
from roundhouse.features.tasks.attempts.model import Attempt
from roundhouse.features.tasks.model import Capability
from roundhouse.features.tasks.running.accepting import Accepting, NewTask
from roundhouse.features.tasks.running.counting import TaskCounting
from roundhouse.features.tasks.running.jobs import TaskCalls
from roundhouse.features.tasks.running.service import TaskService
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event, page
from roundhouse.infra.jobs.at_once import AtOnce
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue

SITE = Caller("key_a", site_id="a")


def capability(name: str = "math.solve", **more: Any) -> Capability:
    return Capability(id="cap_1", site_id="a", name=name, version=1, **more)


class ShelfRegistry:
    """Capabilities by name."""

    revision = 1

    def __init__(self, *known: Capability) -> None:
        self.known = {one.name: one for one in known}

    async def find(self, caller: Caller, name: str, version: int | None = None) -> Capability:
        if name not in self.known:
            raise NotFound(f"No capability {name!r}.")
        return self.known[name]

    async def visible(self, caller: Caller) -> list[Capability]:
        return list(self.known.values())


class ScriptedCalling:
    """Answers calls as told: outputs and errors in order, the last one again and again; or waits for the test.

    Attributes:
        keys: Idempotency keys of all calls.
        held: Set it to a future to have calls wait.
        refused: Why calls are refused before they are made.
    """

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.keys: list[str] = []
        self.inputs: list[Any] = []
        self.held: asyncio.Future[Any] | None = None
        self.refused: RoundhouseError | None = None
        self.entered = asyncio.Event()

    def check_input(self, capability: Capability, given: Any) -> None:
        if not isinstance(given, dict):
            raise Unprocessable("The input is not valid.", param="/")

    async def check_inside(self, capability: Capability) -> None:
        if capability.endpoint.get("lost", False):
            raise BackendDown("Its name is not known.")
        if capability.endpoint.get("outside", False):
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
        if exchange is not None and self.refused is not None:
            raise self.refused
        if exchange is not None:
            exchange.begun = True
        self.keys.append(idempotency_key)
        self.inputs.append(given)
        self.entered.set()
        if self.held is not None:
            await self.held
        outcome = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, CapabilityReply):
            return outcome
        return CapabilityReply(
            outcome, {"headers": {"Authorization": "Bearer x", "Accept": "*"}}, {"status": 200}
        )


class ShelfFiles:
    """Keeps files in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        file_id = f"file_{len(self.kept)}"
        content = b"".join([piece async for piece in pieces])
        self.kept[file_id] = content
        return FileInfo(
            file_id, caller.site_id, None, None, new.filename, new.purpose, "x", len(content), "", 0.0, None
        )


class OpenGate:
    """Lets everybody in; counts who came and went."""

    def __init__(self) -> None:
        self.inside = 0

    def admit(self, caller: Caller) -> None:
        self.inside += 1

    def settle(self, caller: Caller, tokens: int, cost_usd: float) -> None:
        self.inside -= 1

    def headers(self, caller: Caller) -> list[tuple[bytes, bytes]]:
        return []


class NotedHooks:
    """Notes who is to be told of what; an address with `private` in it is refused."""

    def __init__(self) -> None:
        self.followed: list[tuple[str, str]] = []

    async def check(self, caller: Caller, target: str) -> None:
        if "private" in target:
            raise AddressRefused("Not there.")

    async def follow(self, tx: Any, caller: Caller, target: str, topic: str, events: Any) -> None:
        self.followed.append((target, topic))


class TaskHouse:
    """Everything of tasks over one database.

    Attributes:
        house: Jobs and executors.
        service: The verbs.
        calling: What is called.
    """

    def __init__(
        self, db: Database, clock: Any, folder: Path, *script: Any, room: int = 4, capabilities: Any = ()
    ) -> None:
        self.db = db
        self.clock = clock
        self.registry = ShelfRegistry(*(capabilities or (capability(idempotent=True),)))
        self.calling = ScriptedCalling(*(script or ({"result": 5},)))
        self.files = ShelfFiles()
        self.gate = OpenGate()
        self.hooks = NotedHooks()
        self.quotas = PlanQuotas(clock)
        self.keeping: Any = Keeping(self.files, 86_400.0)  # type: ignore[arg-type]  # a shelf in place of the files' room
        self.calls = self._calls()
        self.house = House(db, clock, folder, [self.calls.pipeline])
        self.folder = folder
        self.at_once, self.service = self.process(room)

    def _calls(self) -> TaskCalls:
        counting = TaskCounting(self.quotas)
        return TaskCalls(self.db, self.registry, self.calling, self.keeping, self.clock, counting)

    def process(self, room: int = 4, calls: TaskCalls | None = None) -> tuple[AtOnce, TaskService]:
        """What a serving process has."""
        calls = calls or self.calls
        table = PipelineTable([calls.pipeline])
        queue = JobQueue(self.db, table, JobSettings(), self.clock)
        at_once = AtOnce(
            self.db, table, JobSettings(drain_s=0.0), self.folder, self.clock, version="1", most=room
        )
        accepting = Accepting(
            self.db,
            queue,
            at_once,
            calls,
            self.registry,
            self.calling,
            self.clock,
            self.quotas,
            hooks=self.hooks,
        )
        tail: Any = None
        return at_once, TaskService(self.db, queue, accepting, tail, self.clock, self.gate)

    async def task(self, wait_s: float = 5.0, caller: Caller = SITE, **asked: Any) -> Any:
        """Accept a task; the standing it is answered with."""
        asked = {"capability": "math.solve", "input": {"expression": "2+3"}, **asked}
        return await self.service.create(caller, NewTask(**asked), wait_s)

    async def attempts(self, task_id: str) -> list[Attempt]:
        async with self.db.read() as tx:
            return await attempts.of_job(tx, "a", task_id)

    async def told(self, task_id: str) -> list[Event]:
        async with self.db.read() as tx:
            return list(await page(tx, "a", task_id, 0, 100))

    async def kinds(self, task_id: str) -> list[str]:
        return [one.type for one in await self.told(task_id)]

    async def executor(self) -> Worker:
        """An executor that makes calls of its own."""
        return await self.house.hire(self._calls().pipeline)


def edited(one: Capability, **more: Any) -> Capability:
    return msgspec.structs.replace(one, **more)


Build = Callable[..., TaskHouse]
