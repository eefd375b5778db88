"""The process that runs jobs: claims them, runs them, takes over those of dead executors, ends what is over.

Everything it does is decided by the table `jobs`; events only wake it. What it holds in memory is which runs are its
own, and whose turn it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from roundhouse.core.errors import StorageFull, StorageUnavailable
from roundhouse.core.jobs import Job, QueueName
from roundhouse.core.ports import Clock
from roundhouse.core.settings import JobSettings
from roundhouse.infra.background import stop as stop_task
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs import store, sweeps, transitions
from roundhouse.infra.jobs.claiming import Turns, claim, is_suspect
from roundhouse.infra.jobs.gathering import Gathering
from roundhouse.infra.jobs.membership import Membership
from roundhouse.infra.jobs.model import Durable, RunLost
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.roster import JOINED, LEFT
from roundhouse.infra.jobs.runner import Run
from roundhouse.infra.jobs.schedules import Schedules
from roundhouse.infra.jobs.transitions import Move

_PROGRESS_S = 0.25
_LOST_S = 0.5
_DUE_S = 1.0
_STRAYED_S = 30.0
_LONGEST_IDLE_S = 5.0
_GPU_LOOK_S = 0.5
_PAUSE_S = 0.5
_JOIN_LEASES = 1.5
_DAY_S = 86_400.0

_log = structlog.get_logger(__name__)


class Executor:
    """Runs jobs until it is told to stop.

    Args:
        db: The database.
        tail: The event stream; started and closed by the caller.
        durable: Where finished steps are kept; started and closed here.
        membership: This process among the executors; joined and left here.
        pipelines: What it can run.
        schedules: Jobs that come again and again.
        settings: Slots and times.
        data_dir: Folder of everything that is kept.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        tail: EventTail,
        durable: Durable,
        membership: Membership,
        pipelines: PipelineTable,
        schedules: Schedules,
        settings: JobSettings,
        data_dir: Path,
        clock: Clock,
    ) -> None:
        self._db = db
        self._tail = tail
        self._durable = durable
        self._membership = membership
        self._pipelines = pipelines
        self._schedules = schedules
        self._settings = settings
        self._folders = data_dir / "jobs"
        self._clock = clock
        self._keep_s = settings.keep_days * _DAY_S
        self._turns = Turns()
        self._moves: Gathering[Move, Job] = Gathering(db, self._move)
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._cut_off = False
        self._hurry = asyncio.Event()
        self._beats: tuple[tuple[float, Callable[[], Awaitable[None]]], ...] = (
            (_PROGRESS_S, self._tell_progress),
            (_LOST_S, self._take_over),
            (_DUE_S, self._end_overdue),
            (_DUE_S, self._compare),
            (_STRAYED_S, self._adopt_strays),
            (_DUE_S, self._schedules.submit_due),
        )

    @property
    def running(self) -> list[str]:
        """Ids of the jobs that run here."""
        return list(self._runs)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain: running jobs get their time, then go back to the queue.

        Raises:
            StorageUnavailable: The database does not answer at the start.
        """
        try:
            await self.join(stop)
            await self._work(stop)
        finally:
            if not self._cut_off:
                # Else its row stays, and the others take over what would not end.
                await self._membership.leave()
            await self._durable.close()

    def hurry(self) -> None:
        """Cut the drain short, now or once it begins: running jobs go back to their queues at once."""
        self._hurry.set()

    async def join(self, stop: asyncio.Event | None = None) -> None:
        """Come in, without working yet: `run` does this.

        A database that is away, or locked by an executor that was frozen, is waited for until that one's lease is over.

        Args:
            stop: Not waited any longer once it is set.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        ends_s = self._clock.monotonic_s() + _JOIN_LEASES * self._settings.lease_s

        async def patiently(work: Callable[[], Awaitable[None]]) -> None:
            while True:
                try:
                    return await work()
                except StorageUnavailable:
                    if self._clock.monotonic_s() >= ends_s or (stop is not None and stop.is_set()):
                        raise
                await self._clock.sleep(_PAUSE_S)

        coming = (patiently(self._membership.join), patiently(self._durable.start))
        for failed in await asyncio.gather(*coming, return_exceptions=True):
            if failed is not None:
                raise failed
        self._tail.on_event(self._on_event, ("job.queued", "job.cancel_requested", JOINED, LEFT))

    async def beat(self) -> int:
        """Everything once that `run` does again and again; then the jobs that were claimed run.

        Returns:
            How many jobs were claimed.
        """
        for _, work in self._beats:
            await work()
        return await self._claim()

    async def _work(self, stop: asyncio.Event) -> None:
        beats = [self._every(pause_s, work) for pause_s, work in self._beats]
        background = [asyncio.create_task(one) for one in (self._dispatch(), *beats)]
        stopped = asyncio.create_task(_wait_for(stop))
        try:
            await asyncio.wait({stopped, *background}, return_when=asyncio.FIRST_COMPLETED)
            for task in background:
                if task.done():
                    # A fault of ours: better a new process than one that does only part of its work.
                    task.result()
            await stop_task(background[0], self._claiming)
            await self.drain()
        finally:
            self._cut_off = bool(self._runs)
            ending = [stopped, *background, *self._tasks]
            for task in ending:
                task.cancel()
            await asyncio.wait(ending, timeout=_LONGEST_IDLE_S)

    # Claiming

    def _on_event(self, event: Event) -> None:
        self._membership.told(event)
        if event.type == "job.queued":
            self._wake.set()
        elif event.type == "job.cancel_requested" and event.topic in self._runs:
            self._runs[event.topic].stop("cancel")

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            wait_s = _PAUSE_S
            try:
                claimed = await self._claim()
                wait_s = 0.0 if claimed else await self._idle_s()
            except (StorageUnavailable, StorageFull) as error:
                _log.warning("jobs_not_claimed", error=error.code)
            if wait_s > 0:
                await self._pause(wait_s)

    async def _pause(self, wait_s: float) -> None:
        """Wait for an event, at most so long."""
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _idle_s(self) -> float:
        async with self._db.read() as tx:
            due_s = await store.next_due_s(tx, self._clock.now_s())
        longest_s = _GPU_LOOK_S if self._membership.shares_gpu else _LONGEST_IDLE_S
        if due_s is None:
            return longest_s
        return min(max(due_s - self._clock.now_s(), 0.01), longest_s)

    async def _claim(self) -> int:
        slots = self._free_slots()
        if not any(slots.values()):
            return 0
        now_s = self._clock.now_s()
        known = self._pipelines.known
        async with self._claiming:
            has_suspect = any(is_suspect(run.job) for run in self._runs.values())
            async with self._db.begin() as tx:
                claimed = await claim(
                    tx, self._membership.id, slots, known, self._turns, now_s, has_suspect=has_suspect
                )
            for job in claimed:
                self._start(job)
            self._pass_gpu_on(used=False)
        return len(claimed)

    def _free_slots(self) -> dict[QueueName, int]:
        slots = self._membership.slots
        if not self._membership.try_gpu():
            slots.pop("gpu", None)
        for run in self._runs.values():
            if run.job.queue in slots:
                slots[run.job.queue] -= 1
        return slots

    def _pass_gpu_on(self, *, used: bool) -> None:
        if not any(run.job.queue == "gpu" for run in self._runs.values()):
            self._membership.pass_gpu_on(used=used)

    def _start(self, job: Job) -> None:
        run = Run(
            job,
            self._pipelines.of(job),
            db=self._db,
            moves=self._moves,
            durable=self._durable,
            clock=self._clock,
            folder=self._folders / job.id,
            keep_s=self._keep_s,
        )
        self._runs[job.id] = run
        task = asyncio.create_task(self._follow(run), name=f"job {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _move(self, tx: Tx, moves: Sequence[Move]) -> list[Job | RunLost]:
        return await transitions.move_all(tx, moves, self._clock.now_s(), self._pipelines)

    async def _follow(self, run: Run) -> None:
        try:
            await run.execute()
        finally:
            del self._runs[run.job.id]
            if run.job.queue == "gpu":
                self._pass_gpu_on(used=True)
            self._wake.set()

    # Beats

    async def _every(self, pause_s: float, work: Callable[[], Awaitable[None]]) -> None:
        failing = False
        while True:
            try:
                await work()
            except (StorageUnavailable, StorageFull) as error:
                if not failing:
                    _log.warning("job_storage_away", error=error.code)
                failing = True
            else:
                failing = False
            await self._clock.sleep(pause_s)

    async def _tell_progress(self) -> None:
        told = [one for one in (run.take_progress() for run in self._runs.values()) if one is not None]
        if told:
            async with self._db.begin() as tx:
                await transitions.tell_progress(tx, told, self._clock.now_s())

    async def _take_over(self) -> None:
        for dead in await self._membership.lost():
            await self._membership.end_frozen(dead)
            await self._take(dead.id)

    async def _take(self, executor_id: str) -> None:
        count = await sweeps.take_over(
            self._db,
            self._durable,
            executor_id,
            self._membership,
            self._clock.now_s(),
            self._keep_s,
            self._pipelines,
        )
        _log.warning("executor_lost", executor=executor_id, jobs=count)
        self._wake.set()

    async def _end_overdue(self) -> None:
        now_s = self._clock.now_s()
        await sweeps.end_overdue(self._db, now_s, self._keep_s, self._pipelines)
        for run in list(self._runs.values()):
            if run.job.deadline_s is not None and run.job.deadline_s <= now_s:
                run.stop("deadline")

    async def _compare(self) -> None:
        """Make what runs here agree with the table, which is right."""
        async with self._claiming:
            here = dict(self._runs)
            async with self._db.read() as tx:
                there = {job.id: job for job in await store.running(tx, self._membership.id)}
        for job_id, run in here.items():
            if job_id not in there:
                run.stop("lost")
            elif there[job_id].cancel_requested:
                run.stop("cancel")
        # Claimed by a transaction whose answer never came, or left by a fault of ours.
        astray = [job for job in there.values() if job.id not in here]
        now_s = self._clock.now_s()
        if await sweeps.release(self._db, self._durable, astray, now_s, self._keep_s, self._pipelines):
            _log.error("jobs_released", jobs=[job.id for job in astray])

    async def _adopt_strays(self) -> None:
        async with self._db.read() as tx:
            orphaned = await store.orphaned(tx)
        for executor_id in orphaned:
            await self._take(executor_id)
        known = {name for one in await self._membership.living() for name in one.pipelines}
        await sweeps.adopt_strays(self._db, self._pipelines, known, self._clock.now_s(), self._keep_s)
        await sweeps.clear_folders(self._db, self._folders)

    # Stopping

    async def drain(self) -> None:
        """Let the running jobs end for a while, then put them back into their queues: `run` does this at the end."""
        try:
            await self._membership.set_draining()
        except (StorageUnavailable, StorageFull) as error:
            _log.warning("draining_not_told", error=error.code)
        if self._tasks:
            ended = asyncio.create_task(asyncio.wait(set(self._tasks)))
            hurried = asyncio.create_task(self._hurry.wait())
            await asyncio.wait(
                {ended, hurried},
                timeout=self._settings.drain_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            ended.cancel()
            hurried.cancel()
        for run in list(self._runs.values()):
            run.stop("drain")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LONGEST_IDLE_S)


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()
