"""A random walk of jobs and executors: everything that may happen to them, in any order, with the rules checked.

Executors crash, freeze and come back; the database goes away or loses its answers; users cancel, retry and wake;
the house is upgraded. In the end every job has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.job_house import LEGAL, STATE_AFTER, House, Worker, cleared
from roundhouse.core.errors import BackendDown, BadInput, StorageUnavailable
from roundhouse.core.jobs import ENDED_STATES, Job, NewJob, Pipeline, RetryPolicy, Step, StepContext, Waiting
from roundhouse.core.settings import DbSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import events
from roundhouse.infra.jobs import rows as job_rows
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.queue import JobQueue

STEPS = ("one", "two", "three")
MOST_ATTEMPTS = 2
PATIENCE_S = 20.0
NUMBERS = st.integers(0, 100)
MOST_WORKERS, MOST_REVISIONS = 3, 3
OUTCOMES = ("again", "done", "wait", "done", "wrong", "again", "wait", "done", "fault")
WEIGHTS = {
    "submit": 4,
    "time_without_faults": 5,
    "a_beat": 3,
    "a_step_ends": 9,
    "progress": 1,
    "a_crash": 2,
    "a_freeze": 2,
    "a_stop": 1,
    "another_executor": 2,
    "a_frozen_one_moves": 3,
    "the_database": 3,
    "time": 3,
    "cancel": 2,
    "retry": 2,
    "wake": 3,
    "an_upgrade": 1,
}


class Clock:
    """A clock that the machine turns."""

    def __init__(self) -> None:
        self.time_s = 1_800_000_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_s(self) -> float:
        return self.time_s

    monotonic_s = now_s

    async def sleep(self, delay_s: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time_s + delay_s, waking))
        await waking

    def turn(self, seconds: float) -> None:
        self.time_s += seconds
        for until_s, waking in self._sleepers:
            if until_s <= self.time_s and not waking.done():
                waking.set_result(None)
        self._sleepers = [one for one in self._sleepers if not one[1].done()]


class Call:
    """A step that runs somewhere and waits for what the machine makes of it."""

    def __init__(self, context: StepContext, name: str) -> None:
        self.context = context
        self.job = context.job
        self.name = name
        self.waits_for = f"{name}.{self.job.run}"
        self.ending: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class JobMachine(RuleBasedStateMachine):
    """The machine; it empties the database first: opening another one for each walk would take longer than the walk."""

    def __init__(self, loop: asyncio.Runner, db: Database, folder: Path) -> None:
        super().__init__()
        self.loop = loop
        self.db = db
        self.folder = folder
        self.clock = Clock()
        self.revision = 0
        self.pipelines: list[Pipeline] = []
        self.calls: list[Call] = []
        self.workers: list[Worker] = []
        self.zombies: list[Worker] = []
        self.frozen: list[Worker] = []
        self.accepted: dict[str, Caller] = {}
        self.completed: dict[str, Job] = {}
        self.told: dict[str, str] = {}
        self.starts: dict[str, int] = {}
        self.read_to = 0
        self.violations: list[str] = []
        self.loop.run(self._open())

    async def _open(self) -> None:
        self.clearing = cleared()
        await self.clearing.__aenter__()
        async with self.db.begin() as tx:
            for table in ("jobs", "events", "executors"):
                await tx.exec_driver_sql(f"DELETE FROM {table}")
        self.house = House(self.db, self.clock, self.folder, (), drain_s=0.0, io_slots=2, max_queued=1000)

    def do(self, work: Any) -> Any:
        """Run something, then wait until nothing moves any more."""
        return self.loop.run(self._do(work))

    async def _do(self, work: Any) -> Any:
        try:
            return await work
        finally:
            await self.settle()

    async def settle(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not all(self.is_still(worker) for worker in (*self.workers, *self.zombies)):
                for worker in (*self.workers, *self.zombies):
                    if worker.clock.sleeping and not worker.db.away:
                        self.clock.turn(0.5)
                await asyncio.sleep(0.0005)

    def is_still(self, worker: Worker) -> bool:
        """Whether everything that runs there is in a step, or waits for the database."""
        inside = {call.job.id for call in self.inside() if call.job.executor_id == worker.id}
        moving = [job_id for job_id in worker.executor.running if job_id not in inside]
        return len(moving) <= worker.clock.sleeping if worker.db.away else not moving

    def inside(self) -> list[Call]:
        """Steps that run, also where a process is frozen."""
        return [call for call in self.calls if not call.ending.done()]

    # What runs

    def pipeline(self, revision: int, accepts: tuple[int, ...]) -> Pipeline:
        names = STEPS if revision % 2 else STEPS[::-1]
        return Pipeline(
            "t.x",
            tuple(Step(name, partial(self.step, name)) for name in names),
            revision=revision,
            accepts=accepts,
            retry=RetryPolicy(max_attempts=MOST_ATTEMPTS, base_s=1.0, factor=1.0),
        )

    async def step(self, name: str, context: StepContext) -> Any:
        job = context.job
        if self.recorded(job, name):
            self.violations.append(f"{name} of {job.id} runs again in run {job.run}")
        call = Call(context, name)
        self.calls.append(call)
        return await call.ending

    def recorded(self, job: Job, step: str) -> int:
        """How many of the job's runs that count have recorded a step."""
        return sum(
            step in kept.steps
            for run_id, kept in self.house.disk.items()
            if run_id.startswith(f"{job.id}.") and int(run_id.rsplit(".", 1)[1]) > job.since_run
        )

    # Rules

    @initialize(accepts=st.booleans())
    def begin(self, accepts: bool) -> None:
        self.upgrade(accepts)
        self.hire(newest_alone=False)

    # One rule for all, chosen by weight: left to itself, hypothesis leaves out half of the rules in each walk, and jobs
    # seldom get far.
    @rule(
        what=st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)]),
        number=NUMBERS,
    )
    def happens(self, what: str, number: int) -> None:
        getattr(self, what)(number)

    def an_upgrade(self, number: int) -> None:
        if self.revision < MOST_REVISIONS:
            self.upgrade(number % 2 == 0)

    def upgrade(self, accepts: bool) -> None:
        self.revision += 1
        older = tuple(range(1, self.revision)) if accepts else ()
        self.pipelines.append(self.pipeline(self.revision, older))
        self.house.queue = JobQueue(
            self.db, PipelineTable(self.pipelines[-1:]), self.house.settings, self.clock
        )

    def hire(self, *, newest_alone: bool) -> Worker:
        known = self.pipelines[-1:] if newest_alone else self.pipelines
        worker: Worker = self.do(self.house.hire(*known))
        self.workers.append(worker)
        return worker

    def submit(self, number: int) -> None:
        now_s = self.clock.now_s()
        caller = Caller("key", site_id="ab"[number % 2])
        new = NewJob(
            "t.x",
            priority=number % 3,
            run_after_s=now_s + 5.0 if number % 5 == 0 else None,
            deadline_s=now_s + 30.0 if number % 7 == 0 else None,
            idempotency_key="k" if number % 11 == 0 else None,
        )
        job = self.do(self.house.queue.accept(caller, new))
        self.accepted[job.id] = caller

    def a_beat(self, number: int) -> None:
        if not self.workers:
            self.hire(newest_alone=number % 2 == 0)
        self.do(self.beat(self._one_of(self.workers, number)))

    async def beat(self, worker: Worker) -> None:
        faults = worker.db.faults
        try:
            await worker.beat()
        except StorageUnavailable:
            assert worker.db.faults > faults

    def time_without_faults(self, number: int) -> None:
        """Executors look for work, and steps go well."""
        if not any((self.pipelines[-1].kind, self.revision) in one.table.known for one in self.workers):
            self.hire(newest_alone=number % 2 == 0)
        for _ in range(1 + number % 4):
            for worker in self.workers:
                self.do(self.beat(worker))
            living = [worker.id for worker in self.workers]
            calls = [one for one in self.inside() if one.job.executor_id in living]
            if calls:
                self.end(calls[0], "done", number)

    def a_step_ends(self, number: int) -> None:
        """Also of an executor that is frozen: what it did is waiting to be told."""
        if self.inside():
            self.end(self._one_of(self.inside(), number), self._one_of(OUTCOMES, number), number)

    def end(self, call: Call, outcome: str, number: int) -> None:
        if outcome == "done":
            call.ending.set_result([call.name, call.job.run])
        elif outcome == "again":
            call.ending.set_exception(BackendDown("no"))
        elif outcome == "wrong":
            call.ending.set_exception(BadInput("no"))
        elif outcome == "fault":
            call.ending.set_exception(RuntimeError("no"))
        else:
            until_s = self.clock.now_s() + 10.0 if number % 2 else None
            call.ending.set_exception(Waiting(call.waits_for, until_s))
        self.do(asyncio.sleep(0))

    def progress(self, number: int) -> None:
        """It is told at the next beat, if it is still true then."""
        if self.inside():
            self._one_of(self.inside(), number).context.progress(number / 100, "on")

    def a_crash(self, number: int) -> None:
        if self.workers:
            self._leave(number).freeze()

    def a_freeze(self, number: int) -> None:
        if self.workers:
            worker = self._leave(number)
            worker.freeze()
            self.frozen.append(worker)

    def a_stop(self, number: int) -> None:
        if self.workers:
            worker = self._one_of(self.workers, number)
            worker.db.away, worker.db.answers_to_lose = False, 0
            self.do(asyncio.sleep(0))
            self._leave(number)
            self.do(worker.executor.drain())
            self.do(worker.member.leave())
            assert worker.executor.running == []

    def _leave(self, number: int) -> Worker:
        worker: Worker = self._one_of(self.workers, number)
        self.workers.remove(worker)
        return worker

    def another_executor(self, number: int) -> None:
        if len(self.workers) < MOST_WORKERS:
            self.hire(newest_alone=number % 2 == 0)

    def a_frozen_one_moves(self, number: int) -> None:
        """It comes back without knowing that it was away, takes jobs, and ends at last."""
        if self.frozen and number % 2:
            worker = self._one_of(self.frozen, number)
            self.frozen.remove(worker)
            self.zombies.append(worker)
            worker.revive()
            self.do(asyncio.sleep(0))
        elif self.zombies and number % 3:
            self.do(self.beat(self._one_of(self.zombies, number)))
        elif self.zombies:
            worker = self._one_of(self.zombies, number)
            self.zombies.remove(worker)
            worker.freeze()

    def the_database(self, number: int) -> None:
        """It goes away for one executor, comes back, or loses an answer."""
        if self.workers:
            worker = self._one_of(self.workers, number)
            if number % 3 == 0:
                worker.db.answers_to_lose = 1
            else:
                worker.db.away = not worker.db.away
            self.do(asyncio.sleep(0))

    def time(self, number: int) -> None:
        self.clock.turn((0.5, 2.0, 10.0, 40.0)[number % 4])
        self.do(asyncio.sleep(0))

    def cancel(self, number: int) -> None:
        ids = [call.job.id for call in self.inside()] if number % 2 else sorted(self.accepted)
        if ids:
            job_id = self._one_of(ids, number)
            job = self.do(self.house.queue.cancel(self.accepted[job_id], job_id))
            assert job.ended or job.cancel_requested

    def retry(self, number: int) -> None:
        ids = [job_id for job_id, state in sorted(self.told.items()) if state in ("failed", "cancelled")]
        if ids:
            job_id = self._one_of(ids, number)
            caller = self.accepted[job_id]
            before = self.do(self.house.queue.get(caller, job_id))
            job = self.do(self.house.queue.retry(caller, job_id))
            newest = self.pipelines[-1]
            accepted = before.revision in (newest.revision, *newest.accepts)
            assert (job.state, job.revision) == ("queued", newest.revision)
            assert job.since_run == (before.since_run if accepted else before.run)

    def wake(self, number: int) -> None:
        waiting = self.do(self.house.jobs("waiting"))
        if waiting and number % 2:
            job = self._one_of(waiting, number)
            assert self.do(self.house.wake(job, job.waiting_for, number))
        elif self.inside():
            call = self._one_of(self.inside(), number)
            self.do(self.house.wake(call.job, call.waits_for, number))

    @staticmethod
    def _one_of(things: list[Any], number: int) -> Any:
        return things[number % len(things)]

    # What always holds

    @invariant()
    def the_rules_hold(self) -> None:
        assert self.violations == []
        jobs, news = self.loop.run(self._look())
        assert jobs.keys() == self.accepted.keys(), "an accepted job is lost"
        for job_id, kind, state in news:
            assert kind in LEGAL[self.told.get(job_id)], (job_id, self.told.get(job_id), kind)
            assert state == STATE_AFTER[kind]
            self.told[job_id] = state
            self.starts[job_id] = self.starts.get(job_id, 0) + (kind == "job.started")
        for job in jobs.values():
            self.check(job)
        self.check_owners(jobs)

    async def _look(self) -> tuple[dict[str, Job], list[tuple[str, str, str]]]:
        async with self.db.read() as tx:
            rows = await tx.execute(sa.select(job_rows.jobs))
            jobs = {job.id: job for job in map(job_rows.read_row, rows.mappings())}
            query = sa.select(events.c.seq, events.c.topic, events.c.type, events.c.data)
            news = (await tx.execute(query.where(events.c.seq > self.read_to).order_by(events.c.seq))).all()
        for row in news:
            self.read_to = row.seq
        return jobs, [(row.topic, row.type, row.data["state"]) for row in news]

    def check(self, job: Job) -> None:
        assert self.told[job.id] == job.state, "the events tell something else"
        assert self.starts[job.id] == job.run, "a start was told twice, or not at all"
        assert 0 <= job.attempts <= job.max_attempts == MOST_ATTEMPTS
        assert job.since_run <= job.run
        assert (job.executor_id is not None) == (job.state == "running")
        assert (job.waiting_for is not None) == (job.state == "waiting")
        assert (job.ended_at_s is not None) == job.ended == (job.expires_at_s is not None)
        assert sum(stage.state == "running" for stage in job.stages) == (job.state == "running")
        assert job.state == "failed" or all(stage.state != "failed" for stage in job.stages)
        assert len(job.history) <= job.run
        blamed = sum(one.outcome in ("failed", "lost") for one in job.history)
        assert job.attempts <= blamed + (job.state in ("running", "completed", "cancelled"))
        assert not job.cancel_requested or job.state == "running" or job.ended
        assert job.waiting_for is None or job.waiting_for not in job.signals
        for name in STEPS:
            assert self.recorded(job, name) <= 1, f"{name} of {job.id} was finished twice"
        if job.state == "completed":
            assert self.completed.setdefault(job.id, job) == job, "a completed job has changed"
            assert {stage.state for stage in job.stages} == {"completed"}
            assert job.progress == 1.0

    def check_owners(self, jobs: dict[str, Job]) -> None:
        here: dict[str, str] = {}
        for worker in self.workers:
            for job_id in worker.executor.running:
                assert job_id not in here, "two that live run the same job"
                here[job_id] = worker.id
                if not worker.db.away:
                    assert (jobs[job_id].state, jobs[job_id].executor_id) == ("running", worker.id)

    # The end

    def teardown(self) -> None:
        try:
            if self.revision:
                self.everything_ends()
        finally:
            self.loop.run(self._close())

    def everything_ends(self) -> None:
        """Only one new executor is left, whose steps all go well; then the frozen come back."""
        for worker in (*self.workers, *self.zombies):
            worker.freeze()
        self.workers, self.zombies = [], []
        self.hire(newest_alone=True)
        survivor = self.workers[0]
        for _ in range(300):
            if all(state in ENDED_STATES for state in self.told.values()):
                break
            self.do(survivor.beat())
            for call in self.inside():
                if call.job.executor_id == survivor.id:
                    call.ending.set_result("at last")
            self.do(asyncio.sleep(0))
            for job in self.do(self.house.jobs("waiting")):
                self.do(self.house.wake(job, str(job.waiting_for), "at last"))
            self.clock.turn(3600.0)
            self.the_rules_hold()
        else:
            raise AssertionError("jobs that never end")
        self.zombies, self.frozen = self.frozen, []
        for worker in self.zombies:
            worker.revive()
        self.do(asyncio.sleep(0))
        self.the_rules_hold()

    async def _close(self) -> None:
        for call in self.inside():
            call.ending.cancel()
        await self.clearing.__aexit__(None, None, None)


@pytest.fixture
def machine(sqlite_url: str, tmp_path: Path, logged: Any) -> Iterator[Callable[[], JobMachine]]:
    with asyncio.Runner() as loop:
        db = Database(DbSettings(), sqlite_url)
        yield partial(JobMachine, loop, db, tmp_path)
        loop.run(db.close())


def walk(machine: Callable[[], JobMachine], **more: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **more),
    )


def test_the_rules_hold_whatever_happens(machine: Callable[[], JobMachine]) -> None:
    walk(machine, max_examples=15, stateful_step_count=50, derandomize=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_rules_hold_whatever_happens_for_long(machine: Callable[[], JobMachine]) -> None:
    walk(machine, max_examples=300, stateful_step_count=80)
