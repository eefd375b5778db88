"""The verbs of jobs: submit, look, follow, cancel, retry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from roundhouse.core.errors import BadInput
from roundhouse.core.jobs import QUEUES, Job, NewJob, Pipeline, QueueName
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.ops.schemas import (
    ChildRead,
    ExecutorRead,
    JobCreate,
    JobKind,
    JobKindList,
    JobList,
    JobStats,
    QueueStats,
)
from roundhouse.infra import audit
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs import store
from roundhouse.infra.jobs.queue import JobQueue, Note
from roundhouse.infra.jobs.roster import Roster
from roundhouse.infra.jobs.shapes import JobRead, read_job
from roundhouse.infra.jobs.store import JobFilter, QueueCount
from roundhouse.infra.jobs.supervisor import ChildState
from roundhouse.infra.moments import moment, moment_or_none, unix_s
from roundhouse.infra.paging import decode_cursor, encode_cursor

_RATE_OVER_S = 300.0


class JobService:
    """Jobs as users and operators see them. What a caller cannot see is NotFound.

    Args:
        db: The database.
        queue: The jobs.
        roster: The executors.
        clock: Time.
        plugin_kinds: Kinds of jobs that are submitted as such; those of the house are begun by routes of their own.
        child: How the executor is that this process supervises; None = it supervises none.
        pipelines: What new jobs there are.
    """

    def __init__(
        self,
        db: Database,
        queue: JobQueue,
        roster: Roster,
        clock: Clock,
        plugin_kinds: Collection[str] = frozenset(),
        child: Callable[[], ChildState | None] = lambda: None,
        pipelines: Sequence[Pipeline] = (),
    ) -> None:
        self._db = db
        self._queue = queue
        self._roster = roster
        self._clock = clock
        self._plugin_kinds = plugin_kinds
        self._child = child
        self._pipelines = sorted(pipelines, key=lambda one: one.kind)

    async def submit(self, caller: Caller, asked: JobCreate, idempotency_key: str | None) -> JobRead:
        """Accept a job of a plugin's kind.

        Raises:
            BadInput: No plugin has this kind; priority or a time out of range.
            Conflict: The idempotency key was used for another request.
            QueueFull: Too many wait.
        """
        if asked.kind not in self._plugin_kinds:
            raise BadInput(f"No plugin has jobs of the kind {asked.kind!r}.", param="kind")
        new = NewJob(
            asked.kind,
            asked.input,
            asked.priority,
            unix_s(asked.run_after),
            unix_s(asked.deadline),
            idempotency_key,
        )
        return read_job(await self._queue.accept(caller, new), self._clock.now_s())

    async def page(self, caller: Caller, wanted: JobFilter, *, cursor: str | None, limit: int) -> JobList:
        """A page of jobs, newest first.

        Raises:
            BadInput: The cursor is not one of this list.
        """
        before_seq = decode_cursor(cursor, int)
        found = await self._queue.page(caller, wanted, before_seq=before_seq, limit=limit + 1)
        now_s, shown, more = self._clock.now_s(), found[:limit], len(found) > limit
        return JobList(
            data=[read_job(job, now_s) for job in shown],
            has_more=more,
            next_cursor=encode_cursor(shown[-1].seq) if more else None,
        )

    def kinds(self, caller: Caller) -> JobKindList:
        """Every kind of job, by name; nothing of a tenant's is in it."""
        return JobKindList(
            data=[
                JobKind(
                    kind=one.kind,
                    queue=one.queue,
                    stages=[step.name for step in one.steps],
                    submittable=one.kind in self._plugin_kinds,
                )
                for one in self._pipelines
            ]
        )

    async def get(self, caller: Caller, job_id: str) -> JobRead:
        """One job, with its place while it is queued; raises NotFound."""
        job, place = await self._queue.look(caller, job_id)
        return read_job(job, self._clock.now_s(), place)

    async def visible(self, caller: Caller, job_id: str) -> Job:
        """The job, for who wants to follow it; raises NotFound."""
        return await self._queue.get(caller, job_id)

    async def cancel(self, caller: Caller, job_id: str) -> JobRead:
        """Cancel what has not ended; again, or too late, is no error. Raises NotFound."""
        job = await self._queue.cancel(caller, job_id, self._note(caller, "job.cancel"))
        return read_job(job, self._clock.now_s())

    async def retry(self, caller: Caller, job_id: str) -> JobRead:
        """Queue a failed or cancelled job again. Raises NotFound, Conflict, QueueFull."""
        await self._queue.retry(caller, job_id, self._note(caller, "job.retry"))
        return await self.get(caller, job_id)

    async def stats(self, caller: Caller) -> JobStats:
        """Queues and executors of the whole house."""
        # A server that runs tasks itself takes from no queue.
        living = [one for one in await self._roster.living() if one.queues]
        now_s = self._clock.now_s()
        async with self._db.read() as tx:
            counts = await store.counts(tx, None)
            queues = [await self._queue_stats(tx, name, counts, now_s) for name in QUEUES]
            running = await store.running_by_executor(tx)
        executors = [
            ExecutorRead(
                id=one.id,
                host=one.host,
                pid=one.pid,
                version=one.version,
                queues=one.queues,
                pipelines=one.pipelines,
                running=running.get(one.id, 0),
                draining=one.draining,
                started_at=moment(one.started_at_s),
                renewed_at=moment(one.renewed_at_s),
                lease_s=one.lease_s,
            )
            for one in living
        ]
        child = self._child()
        supervised = None if child is None else _read_child(child)
        return JobStats(queues=queues, executors=executors, supervised=supervised)

    async def _queue_stats(
        self, tx: Tx, name: QueueName, counts: list[QueueCount], now_s: float
    ) -> QueueStats:
        of_state = {one.state: one for one in counts if one.queue == name}
        oldest = of_state.get("queued")
        speed = await store.speed(tx, name)
        ended = await store.ended_since(tx, name, now_s - _RATE_OVER_S)
        numbers = {state: one.count for state, one in of_state.items()}
        return QueueStats(
            queue=name,
            queued=numbers.get("queued", 0),
            running=numbers.get("running", 0),
            waiting=numbers.get("waiting", 0),
            completed=numbers.get("completed", 0),
            failed=numbers.get("failed", 0),
            cancelled=numbers.get("cancelled", 0),
            oldest_queued_s=None if oldest is None else round(max(now_s - oldest.oldest_at_s, 0.0), 1),
            mean_run_s=round(speed.mean_run_s, 3) if speed.measured else None,
            ended_per_minute=round(ended * 60.0 / _RATE_OVER_S, 2),
        )

    def _note(self, caller: Caller, action: str) -> Note:
        async def note(tx: Tx, job: Job) -> None:
            detail = {"kind": job.kind, "state": job.state}
            await audit.append(
                tx,
                caller,
                action=action,
                object_id=job.id,
                detail=detail,
                at_s=self._clock.now_s(),
                site_id=job.caller.site_id,
            )

        return note


def _read_child(state: ChildState) -> ChildRead:
    return ChildRead(
        pid=state.pid,
        started_at=moment_or_none(state.started_at_s),
        restarts=state.restarts,
        last_exit=state.last_exit,
    )
