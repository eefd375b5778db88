"""All reads of jobs. Changes of a job's state are in `transitions`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.jobs import QUEUES, Job, JobState, QueueName
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx
from roundhouse.infra.jobs.executors import executors
from roundhouse.infra.jobs.rows import jobs, read_row
from roundhouse.infra.tenancy import visible

_SPEED_OVER = 50


class JobFilter(msgspec.Struct, frozen=True):
    """Which jobs of the caller; None = any. Times are Unix seconds."""

    state: JobState | None = None
    kind: str | None = None
    queue: QueueName | None = None
    created_after_s: float | None = None
    created_before_s: float | None = None


class QueueCount(msgspec.Struct, frozen=True):
    """Jobs of one queue in one state; `oldest_at_s` is when the oldest of them was accepted."""

    queue: str
    state: str
    count: int
    oldest_at_s: float


class Speed(msgspec.Struct, frozen=True):
    """How fast a queue has been lately.

    Attributes:
        measured: Completed jobs that were looked at, the newest ones.
        mean_run_s: Their mean time from start to end of the last run; 0 without any.
    """

    measured: int
    mean_run_s: float


async def get(tx: Tx, caller: Caller | None, job_id: str) -> Job:
    """One job; None as caller means the house itself.

    Raises:
        NotFound: There is none, or not for this caller.
    """
    query = sa.select(jobs).where(jobs.c.id == job_id)
    if caller is not None:
        query = query.where(visible(jobs, caller))
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"No job {job_id!r}.")
    return read_row(row)


async def get_by_key(tx: Tx, site_id: str, kind: str, idempotency_key: str) -> Job | None:
    """The job that was accepted under an idempotency key, of whichever user."""
    query = sa.select(jobs).where(
        jobs.c.site_id == site_id, jobs.c.kind == kind, jobs.c.idempotency_key == idempotency_key
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else read_row(row)


async def lock_kind(tx: Tx, site_id: str, kind: str) -> None:
    """Let nobody else who locks it submit a job of this kind for this tenant until the end of the transaction."""
    if tx.dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
        key = sa.func.hashtextextended(f"{site_id}\n{kind}", sa.cast(0, sa.BigInteger))
        await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


async def unfinished(tx: Tx, caller: Caller, queue: str, kind: str, field: str, value: str) -> Job | None:
    """A job of the caller that has not ended, nor was asked to stop, with this text in its input."""
    # One state after the other: asked for all of them at once, SQLite may read the whole table.
    for state in ("running", "waiting", "queued"):
        query = sa.select(jobs).where(
            visible(jobs, caller),
            jobs.c.queue == queue,
            jobs.c.state == state,
            jobs.c.kind == kind,
            jobs.c.input[field].as_string() == value,
            sa.not_(jobs.c.cancel_requested),
        )
        row = (await tx.execute(query.limit(1))).mappings().one_or_none()
        if row is not None:
            return read_row(row)
    return None


async def page(tx: Tx, caller: Caller, wanted: JobFilter, *, before_seq: int | None, limit: int) -> list[Job]:
    """Jobs of the caller, newest first.

    Args:
        tx: Any transaction.
        caller: Who asks.
        wanted: Which ones.
        before_seq: Only jobs accepted before this one.
        limit: Most rows returned.
    """
    query = sa.select(jobs).where(visible(jobs, caller)).order_by(jobs.c.seq.desc()).limit(limit)
    if before_seq is not None:
        query = query.where(jobs.c.seq < before_seq)
    for name in ("state", "kind", "queue"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(jobs.c[name] == value)
    if wanted.created_after_s is not None:
        query = query.where(jobs.c.created_at_s >= wanted.created_after_s)
    if wanted.created_before_s is not None:
        query = query.where(jobs.c.created_at_s < wanted.created_before_s)
    return [read_row(row) for row in (await tx.execute(query)).mappings()]


async def queued(tx: Tx, queue: str, *, site_id: str | None = None) -> int:
    """Jobs that wait for an executor in a queue, of one tenant or of all."""
    query = sa.select(sa.func.count()).where(jobs.c.queue == queue, jobs.c.state == "queued")
    if site_id is not None:
        query = query.where(jobs.c.site_id == site_id)
    return int((await tx.execute(query)).scalar_one())


async def position(tx: Tx, job: Job) -> int:
    """How many queued jobs start before this one, if none comes in and tenants take turns."""
    mine = sa.select(sa.func.count()).where(
        jobs.c.queue == job.queue,
        jobs.c.state == "queued",
        jobs.c.site_id == job.caller.site_id,
        sa.or_(jobs.c.rank < -job.priority, sa.and_(jobs.c.rank == -job.priority, jobs.c.seq < job.seq)),
    )
    ahead = int((await tx.execute(mine)).scalar_one())
    others = (
        sa.select(sa.func.count().label("waiting"))
        .where(jobs.c.queue == job.queue, jobs.c.state == "queued", jobs.c.site_id != job.caller.site_id)
        .group_by(jobs.c.site_id)
    )
    # Each other tenant has at most as many turns as this one needs.
    return ahead + sum(min(int(count), ahead + 1) for count in (await tx.execute(others)).scalars())


async def speed(tx: Tx, queue: str) -> Speed:
    """The measured speed of a queue."""
    newest = (
        sa.select(jobs.c.state, (jobs.c.ended_at_s - jobs.c.run_started_at_s).label("run_s"))
        .where(jobs.c.queue == queue, jobs.c.ended_at_s.is_not(None))
        .order_by(jobs.c.ended_at_s.desc())
        .limit(_SPEED_OVER)
        .subquery()
    )
    query = sa.select(sa.func.count(), sa.func.avg(newest.c.run_s)).where(newest.c.state == "completed")
    measured, mean = (await tx.execute(query)).one()
    return Speed(int(measured), float(mean or 0.0))


async def counts(tx: Tx, caller: Caller | None) -> list[QueueCount]:
    """Jobs by queue and state, of one caller or of the whole house."""
    query = (
        sa.select(jobs.c.queue, jobs.c.state, sa.func.count(), sa.func.min(jobs.c.created_at_s))
        .group_by(jobs.c.queue, jobs.c.state)
        .order_by(jobs.c.queue, jobs.c.state)
    )
    if caller is not None:
        query = query.where(visible(jobs, caller))
    return [QueueCount(*row) for row in (await tx.execute(query)).all()]


async def depths(tx: Tx) -> list[tuple[str, str, int]]:
    """Queue, state and number of all jobs that have not ended."""
    query = (
        sa.select(jobs.c.queue, jobs.c.state, sa.func.count())
        .where(jobs.c.queue.in_(QUEUES), jobs.c.state.in_(("queued", "running", "waiting")))
        .group_by(jobs.c.queue, jobs.c.state)
    )
    return [(str(queue), str(state), int(count)) for queue, state, count in (await tx.execute(query)).all()]


async def ended_since(tx: Tx, queue: str, at_s: float) -> int:
    """How many jobs of a queue have ended since."""
    query = sa.select(sa.func.count()).where(jobs.c.queue == queue, jobs.c.ended_at_s >= at_s)
    return int((await tx.execute(query)).scalar_one())


async def running_by_executor(tx: Tx) -> dict[str, int]:
    """How many jobs each executor runs by the table."""
    query = (
        sa.select(jobs.c.executor_id, sa.func.count())
        .where(jobs.c.state == "running")
        .group_by(jobs.c.executor_id)
    )
    return {str(executor_id): int(count) for executor_id, count in (await tx.execute(query)).all()}


async def running(tx: Tx, executor_id: str) -> list[Job]:
    """The jobs that an executor runs by the table."""
    query = sa.select(jobs).where(jobs.c.state == "running", jobs.c.executor_id == executor_id)
    return [read_row(row) for row in (await tx.execute(query)).mappings()]


async def orphaned(tx: Tx) -> list[str]:
    """Ids of executors that have running jobs but no row."""
    query = (
        sa.select(jobs.c.executor_id)
        .where(jobs.c.state == "running", jobs.c.executor_id.not_in(sa.select(executors.c.id)))
        .distinct()
    )
    return list((await tx.execute(query)).scalars())


async def next_due_s(tx: Tx, now_s: float) -> float | None:
    """The next time at which a queued or waiting job becomes due; None = none has a time."""
    query = sa.select(sa.func.min(jobs.c.run_after_s)).where(
        jobs.c.state.in_(("queued", "waiting")), jobs.c.run_after_s > now_s
    )
    found = (await tx.execute(query)).scalar_one()
    return None if found is None else float(found)


async def revisions(tx: Tx) -> list[tuple[str, int]]:
    """Kind and revision of everything that has not ended and does not run."""
    query = sa.select(jobs.c.kind, jobs.c.revision).where(jobs.c.state.in_(("queued", "waiting"))).distinct()
    return [(str(kind), int(revision)) for kind, revision in (await tx.execute(query)).all()]


async def expired(tx: Tx, now_s: float, limit: int) -> list[tuple[str, int]]:
    """Id and number of runs of jobs whose time is over."""
    over = (jobs.c.expires_at_s <= now_s, jobs.c.ended_at_s.is_not(None))
    query = sa.select(jobs.c.id, jobs.c.run).where(*over).limit(limit)
    return [(str(job_id), int(run)) for job_id, run in (await tx.execute(query)).all()]


async def delete(tx: Tx, job_ids: list[str]) -> None:
    """Forget jobs that have ended."""
    await tx.execute(sa.delete(jobs).where(jobs.c.id.in_(job_ids), jobs.c.ended_at_s.is_not(None)))


async def forget_input(tx: Tx, job_id: str, left: Mapping[str, object], *, result: bool) -> None:
    """Have a job's input be `left` alone, its signals and with `result` its result nothing: they are kept no longer."""
    values: dict[str, object] = {"input": dict(left), "signals": {}}
    if result:
        values["result"] = None
    await tx.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))
