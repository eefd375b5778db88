"""The verbs of tasks."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import structlog

from roundhouse.core.errors import (
    AlreadyAnswered,
    Conflict,
    NotFound,
    RequestExpired,
    StorageFull,
    StorageUnavailable,
)
from roundhouse.core.jobs import TASK_KINDS, Job
from roundhouse.core.ports import Clock, Gatekeeper
from roundhouse.core.types import Caller
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.running import store
from roundhouse.features.tasks.running.accepting import Accepted, Accepting, NewTask
from roundhouse.features.tasks.running.forgetting import forget, forget_left
from roundhouse.features.tasks.running.keys import InFlight
from roundhouse.features.tasks.running.model import TaskRow, Wanted
from roundhouse.features.tasks.running.ports import Flows
from roundhouse.features.tasks.running.schemas import TaskList, TraceRead
from roundhouse.features.tasks.running.shapes import Standing, read_events, read_steps, read_task
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.events import store as events
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.jobs.queue import JobQueue, Note
from roundhouse.infra.jobs.telling import ends_job
from roundhouse.infra.jobs.transitions import lock_one
from roundhouse.infra.paging import decode_cursor, encode_cursor

_MOST_EVENTS = 1000
_log = structlog.get_logger(__name__)
_RETRIED = {"code": "retried", "message": "Somebody had the task tried again."}


class TaskService:
    """Tasks. What a caller cannot see is NotFound.

    Args:
        db: The database.
        queue: The jobs.
        accepting: How tasks are accepted.
        tail: The event stream.
        clock: Time.
        gatekeeper: Whether a caller may ask now.
        flows: Tells of flows in traces; None = there are none here.
    """

    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        accepting: Accepting,
        tail: EventTail,
        clock: Clock,
        gatekeeper: Gatekeeper,
        flows: Flows | None = None,
    ) -> None:
        self._db = db
        self._queue = queue
        self._accepting = accepting
        self._tail = tail
        self._clock = clock
        self._gatekeeper = gatekeeper
        self._flows = flows
        self._in_flight = InFlight()
        self._forgetting: set[asyncio.Task[None]] = set()

    # Accepting

    async def create(self, caller: Caller, asked: NewTask, wait_s: float = 0.0) -> Standing:
        """Accept a task, and wait for its end for a while; see `Accepting.accept`.

        Raises:
            IdempotencyInFlight: A request with the same key is being answered.
            RateLimited, BudgetExceeded: The caller may not ask now.
        """
        asked = msgspec.structs.replace(asked, held_s=wait_s)
        with self._in_flight.holding(caller, asked.key, asked.body_sha256):
            admission = self._gatekeeper.admit(caller)
            if admission is not None:
                await admission
            try:
                accepted = await self._accepting.accept(caller, asked)
                standing = await self._waited(caller, accepted, wait_s)
                return msgspec.structs.replace(standing, headers=accepted.headers)
            finally:
                self._gatekeeper.settle(caller, 0, 0.0)

    async def _waited(self, caller: Caller, accepted: Accepted, wait_s: float) -> Standing:
        ends_s = self._clock.monotonic_s() + wait_s
        if accepted.run is not None and wait_s > 0:
            await asyncio.wait({accepted.run}, timeout=wait_s)
        begun = accepted.begun
        if begun is not None and begun.job is not None and begun.job.ended and accepted.row is not None:
            return Standing(begun.job, accepted.row, output=begun.output, error=begun.error, cost=begun.cost)
        if accepted.job is None:
            before = await self.get(caller, accepted.task_id)
            if before.job.ended:
                return before
        left_s = ends_s - self._clock.monotonic_s()
        if wait_s > 0 and left_s > 0:
            await self._until_ended(caller, accepted.task_id, left_s)
        elif accepted.job is not None and accepted.row is not None and accepted.job.state == "running":
            return Standing(accepted.job, accepted.row, cost=0.0 if begun is None else begun.cost)
        return await self.get(caller, accepted.task_id)

    async def _until_ended(self, caller: Caller, task_id: str, left_s: float) -> None:
        """Follow a task until it has ended, or the time is over."""
        ends_s = self._clock.monotonic_s() + left_s
        async with self._tail.follow(task_id, caller.site_id) as follower:
            job, *_ = await self._look(caller, task_id)
            while not job.ended and (left_s := ends_s - self._clock.monotonic_s()) > 0:
                if any(map(ends_job, await follower.batch(left_s))):
                    return
                if follower.ended:
                    return

    # Looking

    async def get(self, caller: Caller, task_id: str) -> Standing:
        """One task, with its place while it is queued; raises NotFound."""
        async with self._db.read() as tx:
            job, row, cost = await store.get(tx, caller, task_id)
            place = await self._queue.place(tx, job)
            no_worker = place is not None and not await store.is_served(tx, job.queue)
        return Standing(job, row, place, "no_worker" if no_worker else None, cost=cost)

    async def wait(self, caller: Caller, task_id: str, wait_s: float) -> Standing:
        """One task at its end, or as it stands when the time is over; raises NotFound."""
        await self._until_ended(caller, task_id, wait_s)
        return await self.get(caller, task_id)

    async def visible(self, caller: Caller, task_id: str) -> Job:
        """The task's job, for who wants to follow it; raises NotFound."""
        return (await self._look(caller, task_id))[0]

    async def page(self, caller: Caller, wanted: Wanted, *, cursor: str | None, limit: int) -> TaskList:
        """Tasks, newest first.

        Raises:
            BadInput: The cursor is not one of this list.
        """
        before_seq, now_s = decode_cursor(cursor, int), self._clock.now_s()
        async with self._db.read() as tx:
            found = await store.page(tx, caller, wanted, now_s, before_seq=before_seq, limit=limit + 1)
        shown, more = found[:limit], len(found) > limit
        return TaskList(
            data=[read_task(Standing(job, row, cost=cost), now_s) for job, row, cost in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1][0].seq) if more else None,
        )

    async def trace(self, caller: Caller, task_id: str) -> TraceRead:
        """All that is known of a task; raises NotFound."""
        async with self._db.read() as tx:
            job, row, cost = await store.get(tx, caller, task_id)
            tries = await attempts.of_job(tx, row.site_id, task_id)
            told = await events.page(tx, row.site_id, task_id, 0, _MOST_EVENTS)
            more: dict[str, Any] = {}
            if row.flow is not None and self._flows is not None:
                more = await self._flows.trace(tx, caller, job)
        given = (job.input if row.shown is None else row.shown).get("input")
        decided_by = more.get("decided_by")
        if decided_by is None and row.capability is not None and job.state == "completed":
            decided_by = f"capability:{row.capability}"
        return TraceRead(
            task=read_task(Standing(job, row, cost=cost), self._clock.now_s()),
            flow=more.get("flow"),
            input=given,
            steps=read_steps(tries, given, job.result),
            human=more.get("human"),
            signals=more.get("signals"),
            output=job.result,
            decided_by=decided_by,
            events=read_events(told),
        )

    # Changing

    async def cancel(self, caller: Caller, task_id: str) -> Standing:
        """Cancel what has not ended; again, or too late, is no error. Raises NotFound."""
        await self._look(caller, task_id)
        await self._queue.cancel(caller, task_id, self._note(caller, "task.cancel"))
        return await self.get(caller, task_id)

    async def retry(self, caller: Caller, task_id: str) -> Standing:
        """Queue a failed, dead or cancelled task again, with all its attempts before it.

        A call of which nobody knows whether it was done is made again as well: who retries it has decided so.

        Raises:
            NotFound: No such task.
            Conflict: It has neither failed nor was it cancelled, or its input is not kept.
            QueueFull: Too many wait.
            PlanExceeded: A quota plan has no room for it: it counts like a new one.
        """
        _, row, _ = await self._look(caller, task_id)
        if row.kept != "full" and row.forgotten:
            raise Conflict("The input of this task is not kept any more: send it as a new one.")
        await self._queue.retry(caller, task_id, self._note(caller, "task.retry", settle=True))
        return await self.get(caller, task_id)

    async def signal(self, caller: Caller, task_id: str, name: str, payload: Any) -> Standing:
        """Bring a flow what it waits for, or will wait for.

        Raises:
            NotFound: No such task, or no step of it waits for this signal.
            TooLarge: The payload is too large.
            AlreadyAnswered: It was brought this before.
            RequestExpired: It has waited for this in vain.
            Conflict: It has ended.
        """
        async with self._db.begin() as tx:
            await lock_one(tx, task_id)
            job, row, _ = await store.get(tx, caller, task_id)
            if job.ended:
                raise Conflict("The task has ended.")
            if row.flow is None or self._flows is None:
                raise NotFound("Nothing in this task waits for a signal: it is no flow.", param="name")
            waited, kept = await self._flows.signal(tx, caller, job, name, payload)
            if waited in job.signals:
                in_vain = job.signals[waited] is None
                raise (
                    RequestExpired(f"The task has waited for {name!r} in vain, and went on.")
                    if in_vain
                    else AlreadyAnswered(f"The task was brought {name!r} before: each signal counts once.")
                )
            await self._audit(tx, caller, "task.signal", job, {"signal": name})
            await self._queue.wake(tx, task_id, waited, kept)
        return await self.get(caller, task_id)

    # Forgetting

    async def forget_left(self) -> None:
        """Delete what is not to be kept of tasks that ended while nobody looked."""
        await forget_left(self._db, self._flows)

    def heard(self, event: Event) -> None:
        """Hear that a job failed or was cancelled: that may have been otherwise than by its own run."""
        if event.data.get("kind") in TASK_KINDS:
            task = asyncio.create_task(self._forget(event.topic), name=f"forget {event.topic}")
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def close(self) -> None:
        """Wait until nothing is being written."""
        if self._forgetting:
            await asyncio.wait(self._forgetting)

    # Inside

    async def _forget(self, task_id: str) -> None:
        try:
            async with self._db.read() as tx:
                row = await store.row_of(tx, task_id)
            if row is None or row.kept == "full" or row.forgotten:
                return
            async with self._db.begin() as tx:
                await forget(tx, task_id, self._flows)
        except (StorageUnavailable, StorageFull) as error:
            # The next start of a server makes up for it.
            _log.warning("task_not_forgotten", task=task_id, error=error.code)

    async def _look(self, caller: Caller, task_id: str) -> tuple[Job, TaskRow, float]:
        async with self._db.read() as tx:
            return await store.get(tx, caller, task_id)

    def _note(self, caller: Caller, action: str, *, settle: bool = False) -> Note:
        async def note(tx: Tx, job: Job) -> None:
            if settle:
                await attempts.settle(tx, job.id, _RETRIED)
            await self._audit(tx, caller, action, job, {"state": job.state})

        return note

    async def _audit(self, tx: Tx, caller: Caller, action: str, job: Job, detail: dict[str, Any]) -> None:
        now_s, site_id = self._clock.now_s(), job.caller.site_id
        await audit.append(
            tx, caller, action=action, object_id=job.id, detail=detail, at_s=now_s, site_id=site_id
        )
