"""Short jobs that the process that accepted them runs at once, instead of an executor.

The process is one of the executors then, but takes from no queue: it has a lock file and a lease, so that the others
take over what it was doing when it dies. Unlike an executor it does not end itself when it cannot renew its lease: it
lets go of what it runs, and comes in again under a new name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from roundhouse.core.errors import BadInput, StorageFull, StorageUnavailable
from roundhouse.core.jobs import Job, Pipeline
from roundhouse.core.ports import Clock
from roundhouse.core.settings import JobSettings
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events.store import Event
from roundhouse.infra.jobs import transitions
from roundhouse.infra.jobs.gathering import Gathering
from roundhouse.infra.jobs.membership import Membership
from roundhouse.infra.jobs.model import RunLost
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.runner import Run
from roundhouse.infra.jobs.transitions import Move

CANCEL_REQUESTED = "job.cancel_requested"

_DAY_S = 86_400.0
_ENDING_S = 5.0
_AGAIN_S = 1.0

_log = structlog.get_logger(__name__)


class AtOnce:
    """Runs jobs of this process.

    Args:
        db: The database.
        pipelines: What there is; only those that are not recorded can be run here.
        settings: Lease and drain.
        data_dir: Folder of everything that is kept.
        clock: Time.
        version: Of Roundhouse.
        most: Jobs at a time; 0 = none.
    """

    def __init__(
        self,
        db: Database,
        pipelines: PipelineTable,
        settings: JobSettings,
        data_dir: Path,
        clock: Clock,
        *,
        version: str,
        most: int,
    ) -> None:
        self._db = db
        self._pipelines = pipelines
        self._settings = settings
        self._data_dir = data_dir
        self._clock = clock
        self._version = version
        self._most = most
        self._moves: Gathering[Move, Job] = Gathering(db, self._move, whole=True)
        self._membership: Membership | None = None
        self._joining = asyncio.Lock()
        self._not_before_s = 0.0
        self._reserved = 0
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def running(self) -> list[str]:
        """Ids of the jobs that run here."""
        return list(self._runs)

    async def reserve(self) -> str | None:
        """Keep a place for one job; its executor id. None = it must be queued. `begin` or `release` comes next."""
        if self._closing or len(self._runs) + self._reserved >= self._most:
            return None
        self._reserved += 1
        joined = None
        try:
            joined = await self._join()
        finally:
            if joined is None:
                self._reserved -= 1
        return joined

    def release(self) -> None:
        """Give the place back: there is no such job."""
        self._reserved -= 1

    def begin(self, job: Job) -> asyncio.Task[None]:
        """Run a job that was written as running here; the task ends with its run.

        Raises:
            BadInput: Its pipeline is recorded, which this process cannot do.
        """
        self._reserved -= 1
        pipeline = self._pipelines.of(job)
        if pipeline.durable:
            raise BadInput(f"Jobs of the kind {job.kind!r} are run by executors.")
        run = self._run(job, pipeline)
        if self._membership is None or self._membership.id != job.executor_id:
            # The lease ran out meanwhile.
            run.stop("lost")
        self._runs[job.id] = run
        task = asyncio.create_task(self._follow(run), name=f"job {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def heard(self, event: Event) -> None:
        """Hear of an event: somebody wants a job to stop."""
        if event.topic in self._runs:
            self._runs[event.topic].stop("cancel")

    async def close(self) -> None:
        """Let what runs end for a while, put the rest into the queue, and go."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=self._settings.drain_s)
        for run in list(self._runs.values()):
            run.stop("drain")
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_ENDING_S)
        membership, self._membership = self._membership, None
        if membership is None:
            return
        if self._runs:
            # The free lock has the others take over what would not end.
            membership.abandon()
        else:
            await membership.leave()

    # Inside

    async def _join(self) -> str | None:
        async with self._joining:
            if self._membership is not None:
                return None if self._membership.expired else self._membership.id
            if self._clock.monotonic_s() < self._not_before_s:
                return None
            loop = asyncio.get_running_loop()
            membership = Membership(
                self._db,
                self._settings,
                self._data_dir,
                self._clock,
                queues=(),
                pipelines=(),
                version=self._version,
                end=lambda _: loop.call_soon_threadsafe(self._let_go, membership),
            )
            try:
                await membership.join()
            except (StorageUnavailable, StorageFull) as error:
                _log.warning("tasks_not_run_here", error=error.code)
                self._not_before_s = self._clock.monotonic_s() + _AGAIN_S
                return None
            self._membership = membership
            return membership.id

    def _let_go(self, membership: Membership) -> None:
        """Its lease has run out, or the others took it for dead: what it runs is theirs."""
        if self._membership is not membership:
            return
        self._membership = None
        for run in self._runs.values():
            if run.claim.executor_id == membership.id:
                run.stop("lost")
        membership.abandon()

    def _run(self, job: Job, pipeline: Pipeline) -> Run:
        return Run(
            job,
            pipeline,
            db=self._db,
            moves=self._moves,
            durable=None,
            clock=self._clock,
            folder=self._data_dir / "jobs" / job.id,
            keep_s=self._settings.keep_days * _DAY_S,
        )

    async def _follow(self, run: Run) -> None:
        late = None
        if run.job.deadline_s is not None:
            delay_s = max(run.job.deadline_s - self._clock.now_s(), 0.0)
            late = asyncio.get_running_loop().call_later(delay_s, run.stop, "deadline")
        try:
            await run.execute()
        finally:
            if late is not None:
                late.cancel()
            del self._runs[run.job.id]

    async def _move(self, tx: Tx, moves: Sequence[Move]) -> list[Job | RunLost]:
        return await transitions.move_all(tx, moves, self._clock.now_s(), self._pipelines)
