"""Accepting, cancelling, retrying: what the rest of the house does with jobs. Implements `core.ports.Jobs`."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput, Conflict, NotFound, PipelineRetired, QueueFull, RoundhouseError
from roundhouse.core.jobs import MOST_PRIORITY, Again, Job, NewJob, Pipeline, QueueName
from roundhouse.core.ports import Clock
from roundhouse.core.settings import JobSettings
from roundhouse.core.types import Caller
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs import executors, store, transitions
from roundhouse.infra.jobs.entering import Also, Entry, enter
from roundhouse.infra.jobs.gathering import Gathering
from roundhouse.infra.jobs.pipelines import PipelineTable
from roundhouse.infra.jobs.room import Room
from roundhouse.infra.jobs.store import JobFilter

_LONGEST_WAIT_S = 3600.0
_UNMEASURED_WAIT_S = 5.0
_DAY_S = 86_400.0
_KEY = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")

Note = Callable[[Tx, Job], Awaitable[None]]
"""Writes down, in the transaction of a change and before it, who makes it; it is given the job as it stood."""


class _Asked(msgspec.Struct, frozen=True):
    caller: Caller
    new: NewJob


class Place(msgspec.Struct, frozen=True):
    """A queued job's place.

    Attributes:
        position: Jobs that start before it.
        expected_wait_s: Seconds until it starts, from the measured speed of its queue; None = not measured yet, or no
            executor takes its queue.
    """

    position: int
    expected_wait_s: float | None


class JobQueue:
    """The jobs of this house.

    Args:
        db: The database.
        pipelines: What jobs there are.
        settings: Limits.
        clock: Time.
    """

    def __init__(self, db: Database, pipelines: PipelineTable, settings: JobSettings, clock: Clock) -> None:
        self._db = db
        self._pipelines = pipelines
        self._settings = settings
        self._clock = clock
        self._room = Room(settings, clock)
        self._gathering = Gathering(db, self._accept)

    # Port

    async def submit(self, tx: Tx, caller: Caller, new: NewJob, also: Also | None = None) -> Job:
        """See `core.ports.Jobs.submit`; `also` is called for a job that is new, before its events are written."""
        (outcome,) = await self._accept(tx, [self._asked(caller, new)], also)
        if isinstance(outcome, RoundhouseError):
            raise outcome
        return outcome

    async def start(
        self, tx: Tx, caller: Caller, new: NewJob, executor_id: str, also: Also | None = None
    ) -> Job:
        """Accept a job that a process begins to run in the same transaction: it was never queued.

        Args:
            tx: A write transaction.
            caller: Who asks.
            new: The job, without an idempotency key and due now.
            executor_id: The process among the executors; they take the job over when it dies.
            also: Called for the job before its events are written.

        Raises:
            BadInput: See `core.ports.Jobs.submit`.
        """
        asked = self._asked(caller, new)
        self._check(new)
        entry = Entry(caller, asked.new, self._pipeline(new), executor_id)
        (job,) = await enter(tx, [entry], self._clock.now_s(), also)
        if job is None:
            raise Conflict("This idempotency key was used for another request.", param="idempotency_key")
        return job

    async def submit_all(self, tx: Tx, caller: Caller, several: Sequence[NewJob]) -> list[Job]:
        """`submit` of several, in a few statements; all of them or none."""
        outcomes = await self._accept(tx, [self._asked(caller, new) for new in several])
        accepted: list[Job] = []
        for outcome in outcomes:
            if isinstance(outcome, RoundhouseError):
                raise outcome
            accepted.append(outcome)
        return accepted

    async def accept(self, caller: Caller, new: NewJob) -> Job:
        """See `core.ports.Jobs.accept`."""
        return await self._gathering.put(self._asked(caller, new))

    async def submit_once(self, tx: Tx, caller: Caller, new: NewJob, same: str) -> Job:
        """See `core.ports.Jobs.submit_once`."""
        pipeline = self._pipeline(new)
        key = new.idempotency_key
        if key is None or await store.get_by_key(tx, caller.site_id, new.kind, key) is None:
            await store.lock_kind(tx, caller.site_id, new.kind)
            found = await store.unfinished(tx, caller, pipeline.queue, new.kind, same, new.input[same])
            if found is not None:
                return found
        return await self.submit(tx, caller, new)

    async def get(self, caller: Caller, job_id: str) -> Job:
        """See `core.ports.Jobs.get`."""
        async with self._db.read() as tx:
            return await store.get(tx, caller, job_id)

    async def cancel(self, caller: Caller, job_id: str, note: Note | None = None) -> Job:
        """See `core.ports.Jobs.cancel`; `note` only where something changes."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            job = await self._locked(tx, caller, job_id)
            if note is not None and not job.ended and not job.cancel_requested:
                await note(tx, job)
            return await transitions.cancel(tx, job, now_s, self.expires_at_s(now_s), self._pipelines)

    async def retry(self, caller: Caller, job_id: str, note: Note | None = None) -> Job:
        """See `core.ports.Jobs.retry`."""
        async with self._db.begin() as tx:
            known = await store.get(tx, caller, job_id)
            counting = self._pipelines.counting(known.kind)
            # What counts it locks its own rows first.
            again = Again() if counting is None else await counting.again(tx, known)
            job = await self._locked(tx, caller, job_id)
            if job.state not in ("failed", "cancelled"):
                raise Conflict(f"Only failed and cancelled jobs are retried; this one is {job.state}.")
            if job.expires_at_s is not None and job.expires_at_s <= self._clock.now_s():
                # Its finished steps are being deleted.
                raise NotFound(f"No job {job_id!r}.")
            pipeline = self._pipelines.newest(job.kind)
            if pipeline is None:
                raise PipelineRetired(f"There are no jobs of the kind {job.kind!r} any more.")
            await self._check_room(tx, caller, pipeline.queue)
            if note is not None:
                await note(tx, job)
            if counting is not None and again.counted:
                await counting.bind(tx, job, again)
            return await transitions.requeue(tx, job, pipeline, self._clock.now_s(), again)

    async def wake(self, tx: Tx, job_id: str, waiting_for: str, signal: Any) -> bool:
        """See `core.ports.Jobs.wake`."""
        job = await transitions.lock_one(tx, job_id)
        return job is not None and await transitions.wake(tx, job, waiting_for, signal, self._clock.now_s())

    # For the operator

    async def page(
        self, caller: Caller, wanted: JobFilter, *, before_seq: int | None, limit: int
    ) -> list[Job]:
        """Jobs of the caller, newest first."""
        async with self._db.read() as tx:
            return await store.page(tx, caller, wanted, before_seq=before_seq, limit=limit)

    async def look(self, caller: Caller, job_id: str) -> tuple[Job, Place | None]:
        """One job and, while it is queued, its place; raises NotFound."""
        async with self._db.read() as tx:
            job = await store.get(tx, caller, job_id)
            return job, await self.place(tx, job)

    async def check_room(self, caller: Caller, kind: str) -> None:
        """Raise QueueFull where a job of this kind would not be accepted now: before an upload, not after it."""
        pipeline = self._pipeline(NewJob(kind))
        async with self._db.read() as tx:
            await self._check_room(tx, caller, pipeline.queue)

    async def place(self, tx: Tx, job: Job) -> Place | None:
        """Where a queued job stands; None when it is not queued."""
        if job.state != "queued":
            return None
        position = await store.position(tx, job)
        turn_s = await self._turn_s(tx, job.queue)
        if turn_s is None:
            return Place(position, None)
        not_before_s = 0.0 if job.run_after_s is None else job.run_after_s - self._clock.now_s()
        return Place(position, round(max(position * turn_s, not_before_s), 1))

    def expires_at_s(self, now_s: float) -> float:
        """When a job that ends now is deleted."""
        return now_s + self._settings.keep_days * _DAY_S

    # Inside

    def _asked(self, caller: Caller, new: NewJob) -> _Asked:
        self._pipeline(new)
        return _Asked(caller, msgspec.structs.replace(new, input=_as_written(new.input)))

    async def _accept(
        self, tx: Tx, asked: Sequence[_Asked], also: Also | None = None
    ) -> list[Job | RoundhouseError]:
        """Write what is new of it, find what is not; one that is refused does not keep the others out."""
        outcomes: list[Job | RoundhouseError | None] = [None] * len(asked)
        entries: dict[int, Entry] = {}
        keys: set[tuple[str, str, str]] = set()
        for place, one in enumerate(asked):
            key = _key_of(one)
            # The repetition of a request is no new one: it is not refused for want of room, or because it is late.
            if key is not None and (key in keys or await store.get_by_key(tx, *key) is not None):
                continue
            try:
                entries[place] = await self._entry(tx, one)
            except RoundhouseError as error:
                outcomes[place] = error
            else:
                keys |= {key} if key is not None else set()
        written = await enter(tx, list(entries.values()), self._clock.now_s(), also)
        for place, job in zip(entries, written, strict=True):
            outcomes[place] = job
        return [
            await _first(tx, one) if outcome is None else outcome
            for one, outcome in zip(asked, outcomes, strict=True)
        ]

    async def _entry(self, tx: Tx, asked: _Asked) -> Entry:
        pipeline = self._pipeline(asked.new)
        self._check(asked.new)
        await self._check_room(tx, asked.caller, pipeline.queue)
        self._room.came_in(pipeline.queue, asked.caller.site_id)
        return Entry(asked.caller, asked.new, pipeline)

    def _pipeline(self, new: NewJob) -> Pipeline:
        pipeline = self._pipelines.newest(new.kind)
        if pipeline is None:
            raise BadInput(f"There are no jobs of the kind {new.kind!r}.", param="kind")
        if new.idempotency_key is not None and not _KEY.fullmatch(new.idempotency_key):
            raise BadInput("Idempotency keys have 1 to 200 printable characters.", param="idempotency_key")
        return pipeline

    def _check(self, new: NewJob) -> None:
        if not -MOST_PRIORITY <= new.priority <= MOST_PRIORITY:
            raise BadInput(f"Priorities go from -{MOST_PRIORITY} to {MOST_PRIORITY}.", param="priority")
        for name in ("run_after_s", "deadline_s"):
            value = getattr(new, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise BadInput("Not a time.", param=name.removesuffix("_s"))
        if new.deadline_s is not None and new.deadline_s <= self._clock.now_s():
            raise BadInput("The deadline has passed already.", param="deadline")

    async def _check_room(self, tx: Tx, caller: Caller, queue: QueueName) -> None:
        waiting = await self._room.waiting_if_full(tx, queue, caller.site_id)
        if waiting is None:
            return
        turn_s = await self._turn_s(tx, queue)
        wait_s = _UNMEASURED_WAIT_S if turn_s is None else min(max(turn_s, 1.0), _LONGEST_WAIT_S)
        raise QueueFull(f"{waiting} jobs wait in the queue {queue!r} already.", retry_after_s=wait_s)

    async def _turn_s(self, tx: Tx, queue: QueueName) -> float | None:
        """Seconds from one start to the next while the queue is busy."""
        measured = await store.speed(tx, queue)
        serving = sum(queue in one.queues and not one.draining for one in await executors.every(tx))
        slots = serving * slots_of(self._settings)[queue]
        return measured.mean_run_s / slots if measured.measured and slots else None

    async def _locked(self, tx: Tx, caller: Caller, job_id: str) -> Job:
        await store.get(tx, caller, job_id)
        job = await transitions.lock_one(tx, job_id)
        # Nothing deletes a job between the two but the clean-up, then it is as if it had come first.
        return job if job is not None else await store.get(tx, caller, job_id)


async def _first(tx: Tx, asked: _Asked) -> Job | RoundhouseError:
    """The job that was accepted under the same idempotency key before."""
    key = _key_of(asked)
    first = None if key is None else await store.get_by_key(tx, *key)
    if first is None or first.input != asked.new.input or _whose(first.caller) != _whose(asked.caller):
        return Conflict("This idempotency key was used for another request.", param="idempotency_key")
    return first


def _key_of(asked: _Asked) -> tuple[str, str, str] | None:
    key = asked.new.idempotency_key
    return None if key is None else (asked.caller.site_id, asked.new.kind, key)


def _as_written(given: Any) -> Any:
    """An input as it will be read again."""
    try:
        return msgspec.json.decode(msgspec.json.encode(given))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise BadInput("The input of a job must be JSON.", param="input") from None


def _whose(caller: Caller) -> tuple[str | None, str | None]:
    return caller.user_id, caller.app_id


def slots_of(settings: JobSettings) -> dict[QueueName, int]:
    """Jobs at a time by queue, in one executor; the graphics cards are for one at a time."""
    return {"gpu": 1, "cpu": settings.cpu_slots, "io": settings.io_slots, "flow": settings.flow_slots}
