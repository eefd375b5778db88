"""A house of executors in one process: what stands for crashes, frozen processes and a database that goes away.

Time is turned by the test and each executor works one beat at a time, so nothing happens by chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.jobs import Job, NewJob, Pipeline, QueueName, RetryPolicy, Schedule, Step, StepContext
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event, events
from roundhouse.infra.jobs import executors
from roundhouse.infra.jobs import rows as job_rows
from roundhouse.infra.jobs.durable_memory import Disk, MemoryDurable
from roundhouse.infra.jobs.executor import Executor
from roundhouse.infra.jobs.model import Durable, Record
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue, slots_of
from roundhouse.infra.jobs.schedules import Schedules

PATIENCE_S = 20.0

CALLER = Caller("key_a", site_id="a")
OTHER = Caller("key_b", site_id="b")

# What may follow in a job's stream of events, by the state it tells; a completed job never changes.
LEGAL = {
    None: {"job.queued"},
    "queued": {"job.queued", "job.started", "job.failed", "job.cancelled"},
    "running": {
        "job.stage",
        "job.progress",
        "job.cancel_requested",
        "job.queued",
        "job.waiting",
        "job.completed",
        "job.failed",
        "job.cancelled",
    },
    "waiting": {"job.queued", "job.waiting", "job.failed", "job.cancelled"},
    "failed": {"job.queued"},
    "cancelled": {"job.queued"},
    "completed": set(),
}
STATE_AFTER = {
    "job.queued": "queued",
    "job.started": "running",
    "job.stage": "running",
    "job.progress": "running",
    "job.cancel_requested": "running",
    "job.waiting": "waiting",
    "job.completed": "completed",
    "job.failed": "failed",
    "job.cancelled": "cancelled",
}


def pipeline(*steps: Any, kind: str = "t.x", **more: Any) -> Pipeline:
    """A pipeline of functions, or of steps; the functions are called `one`, `two`, …"""
    names = ("one", "two", "three", "four")
    return Pipeline(
        kind,
        tuple(step if isinstance(step, Step) else Step(names[at], step) for at, step in enumerate(steps)),
        **{"retry": RetryPolicy(base_s=10.0), **more},
    )


class Gate:
    """A step that notes that it was called, and waits until the test says what comes of it."""

    def __init__(self) -> None:
        self.calls: list[StepContext] = []
        self.left: list[BaseException | None] = []
        self._endings: list[asyncio.Future[Any]] = []
        self._entered = asyncio.Event()

    async def __call__(self, context: StepContext) -> Any:
        ending = asyncio.get_running_loop().create_future()
        self.calls.append(context)
        self._endings.append(ending)
        self._entered.set()
        try:
            output = await ending
        except BaseException as error:
            self.left.append(error)
            raise
        self.left.append(None)
        return output

    async def entered(self, times: int = 1) -> StepContext:
        """Wait until it was called so many times in all; the last of these calls."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.calls) < times:
                self._entered.clear()
                await self._entered.wait()
        return self.calls[times - 1]

    def give(self, output: Any, call: int = 0) -> None:
        """Let a call return, by its number from 1; 0 = the newest."""
        self._endings[call - 1].set_result(output)

    def fail(self, error: BaseException, call: int = 0) -> None:
        """Let it raise."""
        self._endings[call - 1].set_exception(error)


class Ice:
    """Holds a process where it stands."""

    def __init__(self) -> None:
        self._thawed = asyncio.Event()
        self._thawed.set()

    async def hold(self) -> None:
        await self._thawed.wait()

    def freeze(self) -> None:
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()


class FaultyDatabase:
    """One process's way to the database.

    Attributes:
        away: Nothing can be begun.
        answers_to_lose: So many commits are made, but the answer is that the database is away.
        faults: How often it failed.
    """

    def __init__(self, db: Database, ice: Ice) -> None:
        self._db = db
        self._ice = ice
        self.away = False
        self.answers_to_lose = 0
        self.faults = 0

    @property
    def is_sqlite(self) -> bool:
        return self._db.is_sqlite

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Tx]:
        await self._look()
        async with self._db.begin() as tx:
            yield tx
        await self._ice.hold()
        if self.answers_to_lose > 0:
            self.answers_to_lose -= 1
            self.faults += 1
            raise StorageUnavailable("The answer was lost.")

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Tx]:
        await self._look()
        async with self._db.read() as tx:
            yield tx

    async def _look(self) -> None:
        await self._ice.hold()
        if self.away:
            self.faults += 1
            raise StorageUnavailable("Away.")


class FrozenDurable:
    """One process's way to a durable store: frozen, it stands before a recording or after it; it is not closed."""

    def __init__(self, durable: Durable) -> None:
        self.ice = Ice()
        self._durable = durable
        self.finished = durable.finished
        self.fence = durable.fence
        self.delete = durable.delete

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def run(self, run_id: str, name: str, body: Callable[[Record], Awaitable[Any]]) -> Any:
        await self.ice.hold()

        async def colder(record: Record) -> Any:
            async def cold(step: str, function: Callable[[], Awaitable[Any]]) -> Any:
                async def work() -> Any:
                    output = await function()
                    await self.ice.hold()
                    return output

                output = await record(step, work)
                await self.ice.hold()
                return output

            await self.ice.hold()
            return await body(cold)

        return await self._durable.run(run_id, name, colder)


class Members:
    """Who lives, told by the test: stands for locks and leases."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.gpu: str | None = None


class Member:
    """One executor among the others; the face of `Membership`."""

    def __init__(
        self,
        members: Members,
        db: FaultyDatabase,
        clock: Any,
        settings: JobSettings,
        pipelines: PipelineTable,
    ) -> None:
        self.id = new_id("exe")
        self._members = members
        self._db = db
        self._clock = clock
        self._settings = settings
        self._pipelines = pipelines

    async def join(self) -> None:
        async with self._db.begin() as tx:
            await executors.insert(
                tx,
                {
                    "id": self.id,
                    "machine_id": "here",
                    "host": "here",
                    "pid": 1,
                    "lock_path": "",
                    "queues": list(self._settings.queues),
                    "pipelines": self._pipelines.labels,
                    "version": "1",
                    "renewed_monotonic_s": self._clock.monotonic_s(),
                    "lease_s": 30.0,
                },
            )

    async def leave(self) -> None:
        async with self._db.begin() as tx:
            await executors.delete(tx, self.id)

    async def set_draining(self) -> None:
        async with self._db.begin() as tx:
            await executors.set_draining(tx, self.id)

    async def lost(self) -> list[executors.ExecutorRow]:
        return [row for row in await self.rows() if row.id in self._members.dead and row.id != self.id]

    async def living(self) -> list[executors.ExecutorRow]:
        return [row for row in await self.rows() if row.id not in self._members.dead]

    async def forget(self, tx: Tx, executor_id: str) -> bool:
        return await executors.delete(tx, executor_id)

    @property
    def slots(self) -> dict[QueueName, int]:
        counts = slots_of(self._settings)
        return {queue: count for queue, count in counts.items() if queue in self._settings.queues}

    async def end_frozen(self, row: executors.ExecutorRow) -> None:
        """The frozen are revived by the test: an executor that cannot be ended is what must be borne."""

    def told(self, event: Event) -> None:
        pass

    def try_gpu(self) -> bool:
        if self._members.gpu in (None, *self._members.dead):
            self._members.gpu = self.id
        return self._members.gpu == self.id

    @property
    def shares_gpu(self) -> bool:
        return False

    def pass_gpu_on(self, *, used: bool) -> None:
        pass

    async def until(self, true: Callable[[list[executors.ExecutorRow]], bool]) -> None:
        """Wait until the rows of the executors are so."""
        await until(true, self.rows)

    async def rows(self) -> list[executors.ExecutorRow]:
        async with self._db.read() as tx:
            return await executors.every(tx)


class HandTail:
    """A stream of events that comes when the test says so: until then executors find everything by looking."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Event], None]] = []

    def on_event(self, callback: Callable[[Event], None], types: Collection[str]) -> None:
        self._callbacks.append(callback)

    def tell(self, kind: str = "job.queued") -> None:
        for callback in self._callbacks:
            callback(Event(1, "evt_1", "a", "job_1", kind, {}, 0.0))


class WorkerClock:
    """One process's look at the clock.

    Attributes:
        sleeping: How many wait for a time here.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.sleeping = 0
        self.now_s = clock.now_s
        self.monotonic_s = clock.monotonic_s

    async def sleep(self, delay_s: float) -> None:
        self.sleeping += 1
        try:
            await self._clock.sleep(delay_s)
        finally:
            self.sleeping -= 1


class Worker:
    """An executor and its ways to the world."""

    def __init__(self, house: House, pipelines: Iterable[Pipeline], schedules: Sequence[Schedule]) -> None:
        self.ice = Ice()
        self.db = FaultyDatabase(house.db, self.ice)
        self.clock = WorkerClock(house.clock)
        self.table = PipelineTable(pipelines)
        self.member = Member(house.members, self.db, house.clock, house.settings, self.table)
        self.durable = FrozenDurable(house.durable)
        self.queue = JobQueue(self.db, self.table, house.settings, house.clock)
        self.executor = Executor(
            self.db,
            house.tail,
            self.durable,
            self.member,
            self.table,
            Schedules(self.db, self.queue, schedules, house.clock),
            house.settings,
            house.folder,
            self.clock,
        )
        self._house = house

    @property
    def id(self) -> str:
        return self.member.id

    async def beat(self) -> int:
        """One beat, without waiting for what it began."""
        return await self.executor.beat()

    async def rest(self) -> None:
        """Wait until nothing runs here."""
        async with asyncio.timeout(PATIENCE_S):
            # Nothing tells it; it is over in some ms.
            while self.executor.running:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.001)

    async def work(self, beats: int = 1) -> None:
        """So many beats, each until nothing runs."""
        for _ in range(beats):
            await self.beat()
            await self.rest()

    def freeze(self) -> None:
        """From now on it does nothing, and the others take it for dead."""
        self.ice.freeze()
        self.durable.ice.freeze()
        self._house.members.dead.add(self.id)

    def revive(self) -> None:
        """It goes on and does not know that it was away."""
        self.ice.thaw()
        self.durable.ice.thaw()


class House:
    """One database, one durable store, and what was accepted."""

    def __init__(
        self,
        db: Database,
        clock: Any,
        folder: Path,
        pipelines: Sequence[Pipeline] = (),
        *,
        durable: Durable | None = None,
        tail: Any = None,
        **settings: Any,
    ) -> None:
        self.db = db
        self.clock = clock
        self.folder = folder
        self.pipelines = list(pipelines)
        self.disk: Disk = {}
        self._memory = MemoryDurable(self.disk)
        self.durable: Durable = durable or self._memory
        self.tail = tail or HandTail()
        self.members = Members()
        self.settings = JobSettings(**settings)
        self.queue = JobQueue(db, PipelineTable(pipelines), self.settings, clock)
        self.tasks: set[asyncio.Task[Any]] = set()

    async def hire(
        self, *pipelines: Pipeline, schedules: Sequence[Schedule] = (), joined: bool = True
    ) -> Worker:
        """A new executor; without pipelines of its own it knows those of the house."""
        await self._memory.start()
        worker = Worker(self, pipelines or self.pipelines, schedules)
        if joined:
            await worker.executor.join()
        return worker

    async def accept(self, kind: str = "t.x", caller: Caller = CALLER, **more: Any) -> Job:
        return await self.queue.accept(caller, NewJob(kind, **more))

    async def copy(self, job: Job, count: int, **more: Any) -> None:
        """Write a job so many times more, without its events."""
        async with self.db.begin() as tx:
            row = (
                (await tx.execute(sa.select(job_rows.jobs).where(job_rows.jobs.c.id == job.id)))
                .mappings()
                .one()
            )
            values = {name: value for name, value in row.items() if name != "seq"} | more
            await tx.execute(
                sa.insert(job_rows.jobs), [values | {"id": f"{job.id}.{number}"} for number in range(count)]
            )

    async def job(self, job: Job) -> Job:
        return await self.queue.get(job.caller, job.id)

    async def wake(self, job: Job, waiting_for: str, signal: Any) -> bool:
        async with self.db.begin() as tx:
            return await self.queue.wake(tx, job.id, waiting_for, signal)

    async def jobs(self, state: str) -> list[Job]:
        """Every job in a state."""
        async with self.db.read() as tx:
            rows = await tx.execute(sa.select(job_rows.jobs).where(job_rows.jobs.c.state == state))
            return [job_rows.read_row(row) for row in rows.mappings()]

    async def recorded(self, job: Job, run: int, step: str) -> None:
        """Wait until a step is recorded."""
        await until(lambda steps: step in steps, lambda: self.durable.finished([f"{job.id}.{run}"]))

    async def until(self, job: Job, state: str, *, turning_s: float = 0.0) -> None:
        """Wait until a job is in a state, turning the clock if need be."""

        async def look() -> Job:
            if turning_s:
                self.clock.turn(turning_s)
            return await self.job(job)

        await until(lambda found: found.state == state, look)

    async def told(self, job: Job) -> list[Event]:
        """Every event of a job in order; fails unless they tell what has happened to it, without gap or double."""
        async with self.db.read() as tx:
            rows = await tx.execute(sa.select(events).where(events.c.topic == job.id).order_by(events.c.seq))
            stream = [Event(*row) for row in rows]
        check_stream(await self.job(job), stream)
        return stream

    async def kinds(self, job: Job) -> list[str]:
        """The types of a job's events, without `job.`."""
        return [event.type.removeprefix("job.") for event in await self.told(job)]


def check_stream(job: Job, stream: Sequence[Event]) -> None:
    """Fail unless the events of a job are a legal path to where it stands."""
    state: str | None = None
    for event in stream:
        assert event.type in LEGAL[state], [one.type for one in stream]
        state = STATE_AFTER[event.type]
        assert event.data["state"] == state
        assert event.site_id == job.caller.site_id
        assert event.data["job_id"] == job.id
    assert state == job.state, [one.type for one in stream]
    assert sum(event.type == "job.started" for event in stream) == job.run
    assert all(0.0 <= event.data["progress"] <= 1.0 for event in stream)
    if stream[-1].type != "job.cancel_requested":
        assert stream[-1].data["progress"] == round(job.progress, 4)


async def until(true: Callable[[Any], bool], look: Callable[[], Awaitable[Any]]) -> None:
    """Look again and again until what is seen is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not true(await look()):  # noqa: ASYNC110 - other tasks change it, and do not tell
            await asyncio.sleep(0.005)


@asynccontextmanager
async def cleared() -> AsyncGenerator[None]:
    """End every task that was begun inside: those of the frozen and the crashed."""
    before = asyncio.all_tasks()
    try:
        yield
    finally:
        mine = {*before, asyncio.current_task()}
        for task in asyncio.all_tasks() - mine:
            # A run ends its own task. Cancelled twice in a statement, aiosqlite would wait for ever.
            if not task.get_name().startswith("run of "):
                task.cancel()
        while left := asyncio.all_tasks() - mine:
            await asyncio.wait(left, timeout=PATIENCE_S)
