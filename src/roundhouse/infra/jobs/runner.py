"""One run of one job: its steps in order, what comes of each, and what comes of the run.

With `infra/web.py` this is the only place that catches everything: whatever a step raises ends in the job's row.
"""

from __future__ import annotations

import asyncio
import math
import random
import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import structlog

from roundhouse.core.errors import (
    Cancelled,
    DeadlineExceeded,
    RoundhouseError,
    StepTimeout,
    StorageFull,
    StorageUnavailable,
)
from roundhouse.core.jobs import (
    Along,
    Attempt,
    AttemptOutcome,
    Job,
    Pipeline,
    RetryPolicy,
    Stage,
    Step,
    Waiting,
)
from roundhouse.core.ports import Clock
from roundhouse.infra.db import Database
from roundhouse.infra.jobs import transitions
from roundhouse.infra.jobs.child import run_in_child
from roundhouse.infra.jobs.gathering import Gathering
from roundhouse.infra.jobs.model import Durable, Record, RunLost, run_id, run_ids
from roundhouse.infra.jobs.pipelines import begin_next, fail_running, label, put_back, share_done
from roundhouse.infra.jobs.telling import EventType
from roundhouse.infra.jobs.transitions import Claim, Move, ending, with_attempt

StopReason = Literal["cancel", "deadline", "drain", "lost"]

_MOST_MESSAGE = 500
_MOST_ERROR = 2000
_MOST_WAITING_FOR = 100
_STORAGE_PAUSE_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_LONGEST_ASKED_S = 86_400.0
_MOST_DOUBLINGS = 64
_JITTER = 0.2
# A step in the middle of cleaning up is not disturbed; one that swallowed its cancellation is told again.
_CANCEL_AGAIN_S = 10.0

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Run:
    """One run of a claimed job. `execute` once; it never raises but for cancellation from outside.

    Args:
        job: As it was claimed.
        pipeline: Its pipeline.
        db: The database.
        moves: Where changes of all runs of this executor are written together.
        durable: Where finished steps are kept; None where the pipeline's is not recorded.
        clock: Time.
        folder: Folder of this job alone.
        keep_s: How long the job is kept after its end.
    """

    def __init__(
        self,
        job: Job,
        pipeline: Pipeline,
        *,
        db: Database,
        moves: Gathering[Move, Job],
        durable: Durable | None,
        clock: Clock,
        folder: Path,
        keep_s: float,
    ) -> None:
        self.job = job
        self.claim = Claim(job.id, job.executor_id or "", job.run, job.version)
        self.folder = folder
        self.clock = clock
        self._pipeline = pipeline
        self._db = db
        self._moves = moves
        self._durable = durable if pipeline.durable else None
        self._keep_s = keep_s
        self._stages = list(job.stages)
        self._results: dict[str, Any] = {}
        self._told: tuple[float, str] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._stopping: StopReason | None = None
        self._cancelled_at_s: float | None = None
        self._step_error: BaseException | None = None
        self._written: asyncio.Task[None] | None = None
        self._along: Along | None = None

    # From outside

    def stop(self, reason: StopReason) -> None:
        """End the run soon: the step that runs is cancelled, its child process killed. Idempotent."""
        if self._stopping is None or reason == "lost":
            self._stopping = reason
        self._cancel()

    def _cancel(self) -> None:
        now_s = self.clock.monotonic_s()
        if self._task is None or (
            self._cancelled_at_s is not None and now_s - self._cancelled_at_s < _CANCEL_AGAIN_S
        ):
            return
        self._cancelled_at_s = now_s
        self._task.cancel()

    def take_progress(self) -> tuple[Claim, float, str] | None:
        """What is to be written of its progress since the last call; not if its stage has changed by then."""
        told, self._told = self._told, None
        return None if told is None else (msgspec.structs.replace(self.claim), *told)

    def along(self, write: Along) -> None:
        """What the transaction that ends the run writes as well."""
        self._along = write

    def tell(self, step: Step, fraction: float, message: str) -> None:
        """Note how far a step is."""
        done = sum(stage.state == "completed" for stage in self._stages)
        share = min(max(fraction, 0.0), 1.0) if fraction == fraction else 0.0
        self._told = ((done + share) / len(self._stages), _storable(message)[:_MOST_MESSAGE])

    async def execute(self) -> None:
        """Run to an end, and write what came of it."""
        self._task = asyncio.create_task(self._steps(), name=f"run of {self.job.id}")
        if self._stopping is not None:
            self._cancel()
        try:
            result = await self._outcome(self._task)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait({self._task})
            raise
        except RunLost:
            _log.warning("job_run_lost", job=self.job.id, run=self.job.run)
        else:
            if result is not None:
                kind, changes = result
                await self._end(kind, changes)

    # Steps

    async def _steps(self) -> Any:
        job, durable = self.job, self._durable
        if durable is not None and job.run > job.since_run + 1:
            earlier = run_ids(job.id, job.since_run + 1, job.run - 1)
            # One whose executor froze before it began was not known yet when the job was taken from it.
            await self._patiently(lambda: durable.fence(earlier))
            self._results = await self._patiently(lambda: durable.finished(earlier))
        name = label(self._pipeline.kind, self._pipeline.revision)
        try:
            async with asyncio.timeout(self._pipeline.timeout_s) as limit:
                if durable is None:
                    return await self._only_step()
                return await durable.run(run_id(job.id, job.run), name, self._body)
        except TimeoutError:
            if not limit.expired():
                raise
            await self._fence()
            raise StepTimeout(f"A run of this job took longer than {self._pipeline.timeout_s:g} s.") from None

    async def _body(self, record: Record) -> Any:
        # The run is known from here on: who takes the job over later fences it, who did so before is seen now.
        await self._patiently(self._check)
        output: Any = None
        for number, step in enumerate(self._pipeline.steps):
            if self._stopping is not None:
                # The step before swallowed it.
                raise asyncio.CancelledError
            if step.name in self._results:
                output = self._results[step.name]
            else:
                if self._stages[number].state != "running":
                    await self._write_stage()
                output = await record(step.name, partial(self._call, step))
                self._results[step.name] = output
            self._complete(number)
        return output

    async def _only_step(self) -> Any:
        output = await self._call(self._pipeline.steps[0])
        self._complete(0)
        return output

    async def _call(self, step: Step) -> Any:
        context = _Context(self, step, self._results)
        try:
            async with asyncio.timeout(step.timeout_s) as limit:
                return await step.run(context)
        except TimeoutError:
            if not limit.expired():
                raise
            raise StepTimeout(f"The step {step.name!r} took longer than {step.timeout_s:g} s.") from None
        except RoundhouseError as error:
            self._step_error = error
            raise

    async def _check(self) -> None:
        async with self._db.read() as tx:
            if not await transitions.holds(tx, self.claim):
                raise RunLost

    def _complete(self, number: int) -> None:
        stage = self._stages[number]
        if stage.state != "completed":
            now_s = self.clock.now_s()
            began_s = now_s if stage.started_at_s is None else stage.started_at_s
            self._stages[number] = Stage(stage.name, "completed", began_s, now_s)
        self._told = None

    async def _write_stage(self) -> None:
        """Tell in one change that the stages before are completed and the next one runs."""
        self._stages = begin_next(self._stages, self.clock.now_s())
        await self._change("job.stage", stages=self._stages, progress=share_done(self._stages), message="")

    # Outcomes

    async def _outcome(self, task: asyncio.Task[Any]) -> tuple[EventType, dict[str, Any]] | None:
        """What a finished run means; None when it was lost."""
        await asyncio.wait({task})
        now_s = self.clock.now_s()
        if task.cancelled():
            return await self._stopped(now_s)
        error = task.exception()
        if error is None:
            return "job.completed", self._ending(
                "completed", now_s, result=task.result(), progress=1.0, stages=self._stages, error=None
            )
        if isinstance(error, RunLost):
            raise error
        if isinstance(error, Waiting):
            return self._wait(error, now_s)
        if isinstance(error, (StorageUnavailable, StorageFull)) and error is not self._step_error:
            # The step did its work, only recording it failed: no fault of the job.
            return self._back(now_s, "interrupted", now_s + _STORAGE_PAUSE_S)
        return self._failed(_typed(error, self.job.id), now_s)

    async def _fence(self) -> None:
        """A step was cut off: nothing may be recorded for this run any more."""
        durable = self._durable
        if durable is not None:
            await self._patiently(lambda: durable.fence([run_id(self.job.id, self.job.run)]))

    async def _stopped(self, now_s: float) -> tuple[EventType, dict[str, Any]] | None:
        if self._stopping == "lost":
            return None
        await self._fence()
        if self._stopping is None:
            return self._failed(Cancelled("The step cancelled itself."), now_s)
        if self._stopping == "cancel":
            return "job.cancelled", self._ending(
                "cancelled", now_s, stages=put_back(self._stages), history=self._history(now_s, "cancelled")
            )
        if self._stopping == "deadline":
            return self._failed(DeadlineExceeded("The job was not done at its deadline."), now_s, last=True)
        return self._back(now_s, "interrupted", None)

    def _back(
        self, now_s: float, outcome: Literal["interrupted"], run_after_s: float | None
    ) -> tuple[EventType, dict[str, Any]]:
        """To the queue again, through no fault of the job: the attempt does not count."""
        return "job.queued", {
            "state": "queued",
            "attempts": self.job.attempts - 1,
            "run_after_s": run_after_s,
            "history": self._history(now_s, outcome),
            **self._given_back(),
        }

    def _wait(self, waiting: Waiting, now_s: float) -> tuple[EventType, dict[str, Any]]:
        name, until_s = waiting.waiting_for, waiting.until_s
        if not name or len(name) > _MOST_WAITING_FOR or name != _storable(name):
            return self._failed(RoundhouseError("The step waits for something without a proper name."), now_s)
        return "job.waiting", {
            "state": "waiting",
            "waiting_for": name,
            "attempts": self.job.attempts - 1,
            "run_after_s": until_s if until_s is not None and math.isfinite(until_s) else None,
            "history": self._history(now_s, "waiting"),
            **self._given_back(),
        }

    def _failed(
        self, error: RoundhouseError, now_s: float, *, last: bool = False
    ) -> tuple[EventType, dict[str, Any]]:
        told = {"code": error.code, "message": _storable(error.detail)[:_MOST_ERROR]}
        history = self._history(now_s, "failed", told)
        if last or not error.retryable or self.job.attempts >= self.job.max_attempts:
            stages = fail_running(self._stages, now_s)
            return "job.failed", self._ending("failed", now_s, error=told, history=history, stages=stages)
        pause_s = backoff_s(self._pipeline.retry, self.job.attempts, error.retry_after_s)
        return "job.queued", {
            "state": "queued",
            "run_after_s": now_s + pause_s,
            "history": history,
            **self._given_back(),
        }

    def _given_back(self) -> dict[str, Any]:
        stages = put_back(self._stages)
        return {"executor_id": None, "stages": stages, "progress": share_done(stages), "message": ""}

    def _ending(self, state: str, now_s: float, **more: Any) -> dict[str, Any]:
        return ending(state, now_s, now_s + self._keep_s, **more)

    def _history(
        self, now_s: float, outcome: AttemptOutcome, error: dict[str, Any] | None = None
    ) -> list[Attempt]:
        return with_attempt(self.job, outcome, now_s, error)

    # Writing

    async def _end(self, kind: EventType, changes: dict[str, Any]) -> None:
        try:
            await self._change(kind, self._along, **changes)
        except RunLost:
            _log.warning("job_run_lost", job=self.job.id, run=self.job.run)
            return
        if kind == "job.completed" and self.folder.exists():
            # Of a job that may be retried the clean-up takes it, once that is over: finished steps left files there.
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _change(self, kind: EventType, along: Along | None = None, **changes: Any) -> None:
        async def put() -> None:
            expires_at_s = self.clock.now_s() + self._keep_s
            claim = msgspec.structs.replace(self.claim)
            await self._moves.put(Move(claim, kind, changes, expires_at_s, along))
            self.claim.version += 1

        async def write() -> None:
            # Whoever is cancelled here leaves a change on its way: the next one has to know what came of it.
            self._written = asyncio.create_task(put())
            await asyncio.shield(self._written)

        if self._written is not None:
            await asyncio.wait({self._written})
        await self._patiently(write)

    async def _patiently(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Try again until the database is there again; an executor that cannot reach it for long ends itself."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await work()
            except (StorageUnavailable, StorageFull) as error:
                _log.warning("job_not_written", job=self.job.id, error=error.code)
                await self.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


class _Context:
    """Implements `core.jobs.StepContext`."""

    def __init__(self, run: Run, step: Step, results: Mapping[str, Any]) -> None:
        self._run = run
        self._step = step
        self.results = dict(results)

    @property
    def job(self) -> Job:
        return self._run.job

    @property
    def folder(self) -> Path:
        self._run.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._run.folder

    @property
    def idempotency_key(self) -> str:
        return f"{self._run.job.id}:{self._step.name}"

    def progress(self, fraction: float, message: str = "") -> None:
        self._run.tell(self._step, fraction, message)

    def along(self, write: Along) -> None:
        self._run.along(write)

    async def in_child(self, function: str, argument: Any) -> Any:
        return await run_in_child(function, argument, on_progress=self.progress, folder=self.folder)


def backoff_s(policy: RetryPolicy, attempts: int, asked_s: float | None) -> float:
    """Seconds until the next attempt, after so many; spread, so that those that failed together do not return so."""
    pause_s = min(policy.base_s * policy.factor ** min(attempts - 1, _MOST_DOUBLINGS), policy.max_s)
    asked_s = 0.0 if asked_s is None or not math.isfinite(asked_s) else min(asked_s, _LONGEST_ASKED_S)
    return max(pause_s * random.uniform(1 - _JITTER, 1 + _JITTER), asked_s)  # noqa: S311 - no secret


def _storable(text: str) -> str:
    """A text that every database can hold: without NUL, without halves of characters."""
    return str(text).replace("\0", "").encode("utf-8", "replace").decode()


def _typed(error: BaseException, job_id: str) -> RoundhouseError:
    """What users are told of what a step raised."""
    if isinstance(error, RoundhouseError):
        return error
    _log.error("job_step_failed", job=job_id, exc_info=error)
    return RoundhouseError("The step failed by a fault of ours; the log has more under this job's id.")
