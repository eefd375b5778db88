"""All SQL of tasks and idempotency keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.jobs import EXHAUSTED, TASK_KINDS, Job
from roundhouse.core.types import Caller
from roundhouse.features.tasks.attempts.rows import cost_of
from roundhouse.features.tasks.running.keys import Known
from roundhouse.features.tasks.running.model import TASK, TaskRow, TaskState, Wanted
from roundhouse.features.tasks.running.rows import idempotency, tasks
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.jobs import executors
from roundhouse.infra.jobs.rows import jobs, read_row
from roundhouse.infra.tenancy import visible

_FIELDS = [tasks.c[name] for name in TaskRow.__struct_fields__]
_TASK = [*(column.label(f"task_{column.name}") for column in _FIELDS), cost_of(jobs.c.id).label("cost")]
_NOT_LISTED = ("input", "result", "signals", "history")
_LISTED = [column for column in jobs.c if column.name not in _NOT_LISTED]
_EMPTY: dict[str, Any] = {"input": {}, "result": None, "signals": {}, "history": []}
_ENDED = ("completed", "failed", "cancelled")


async def insert(tx: Tx, row: TaskRow) -> None:
    """Write what is known of a task beside its job."""
    await tx.execute(sa.insert(tasks), msgspec.structs.asdict(row))


async def get(tx: Tx, caller: Caller, task_id: str) -> tuple[Job, TaskRow, float]:
    """One task, and what it cost so far; raises NotFound."""
    query = (
        sa.select(*jobs.c, *_TASK)
        .join(tasks, tasks.c.job_id == jobs.c.id)
        .where(jobs.c.id == task_id, jobs.c.kind.in_(TASK_KINDS), visible(jobs, caller))
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"No task {task_id!r}.")
    return read_row(row), _task(row), row["cost"]


async def page(
    tx: Tx, caller: Caller, wanted: Wanted, now_s: float, *, before_seq: int | None, limit: int
) -> list[tuple[Job, TaskRow, float]]:
    """Tasks of the caller, newest first, without inputs and results, and what they cost so far."""
    query = (
        sa.select(*_LISTED, *_TASK)
        .join(tasks, tasks.c.job_id == jobs.c.id)
        .where(visible(jobs, caller), jobs.c.kind.in_(TASK_KINDS), *_conditions(wanted, now_s))
        .order_by(jobs.c.seq.desc())
        .limit(limit)
    )
    if before_seq is not None:
        query = query.where(jobs.c.seq < before_seq)
    rows = (await tx.execute(query)).mappings()
    return [(read_row({**row, **_EMPTY}), _task(row), row["cost"]) for row in rows]


_WAITING = (
    sa.select(jobs.c.seq)
    .where(
        jobs.c.queue == "io",
        jobs.c.state == "queued",
        jobs.c.site_id == sa.bindparam("site_id"),
        jobs.c.kind == TASK,
        jobs.c.run_after_s.is_(None),
    )
    .limit(1)
)


async def is_waiting(tx: Tx, site_id: str) -> bool:
    """Whether a call of the tenant waits for an executor, and is due."""
    return (await tx.execute(_WAITING, {"site_id": site_id})).first() is not None


async def is_served(tx: Tx, queue: str) -> bool:
    """Whether an executor takes jobs from a queue."""
    return any(queue in one.queues and not one.draining for one in await executors.every(tx))


async def forget(tx: Tx, row: TaskRow) -> None:
    """Note that what is not to be kept of a task has been deleted."""
    values: dict[str, Any] = {"forgotten": True, "shown": None}
    if row.kept == "none":
        values["metadata"] = {}
    await tx.execute(sa.update(tasks).where(tasks.c.job_id == row.job_id).values(values))


async def unforgotten(tx: Tx, limit: int) -> list[TaskRow]:
    """Tasks that have ended and of which more is there than is to be kept."""
    query = (
        sa.select(*_FIELDS)
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .where(sa.not_(tasks.c.forgotten), tasks.c.kept.in_(("result", "none")), jobs.c.state.in_(_ENDED))
    )
    return [TaskRow(*row) for row in await tx.execute(query.limit(limit))]


async def row_of(tx: Tx, task_id: str) -> TaskRow | None:
    """What is known of a task, for the house itself."""
    found = (await tx.execute(sa.select(*_FIELDS).where(tasks.c.job_id == task_id))).one_or_none()
    return None if found is None else TaskRow(*found)


async def known_key(tx: Tx, caller: Caller, key: str) -> Known | None:
    """What was accepted under an idempotency key."""
    query = (
        sa.select(
            idempotency.c.job_id,
            idempotency.c.body_sha256,
            idempotency.c.held_until_s,
            jobs.c.state.in_(_ENDED),
        )
        .join(jobs, jobs.c.id == idempotency.c.job_id)
        .where(*_this(caller, key))
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Known(*row)


async def insert_key(
    tx: Tx, caller: Caller, key: str, body_sha256: str, job_id: str, held_until_s: float
) -> bool:
    """Take an idempotency key for a task; False when somebody else has taken it meanwhile."""
    statement = insert_if_new(tx, idempotency).values(
        site_id=caller.site_id,
        user_id=caller.user_id or "",
        app_id=caller.app_id or "",
        key=key,
        body_sha256=body_sha256,
        job_id=job_id,
        held_until_s=held_until_s,
    )
    return (await tx.execute(statement.returning(idempotency.c.job_id))).first() is not None


def _this(caller: Caller, key: str) -> Iterable[sa.ColumnElement[bool]]:
    return (
        idempotency.c.site_id == caller.site_id,
        idempotency.c.user_id == (caller.user_id or ""),
        idempotency.c.app_id == (caller.app_id or ""),
        idempotency.c.key == key,
    )


def _conditions(wanted: Wanted, now_s: float) -> Iterable[sa.ColumnElement[bool]]:
    if wanted.capability is not None:
        yield tasks.c.capability == wanted.capability
    if wanted.flow is not None:
        yield tasks.c.flow == wanted.flow
    if wanted.since_s is not None:
        yield jobs.c.created_at_s >= wanted.since_s
    if wanted.state is not None:
        yield from _in_state(wanted.state, now_s)


def _in_state(state: TaskState, now_s: float) -> Iterable[sa.ColumnElement[bool]]:
    scheduled = sa.and_(jobs.c.run == 0, jobs.c.run_after_s.is_not(None), jobs.c.run_after_s > now_s)
    exhausted = jobs.c.error["code"].as_string().in_(EXHAUSTED)
    if state in ("scheduled", "queued"):
        yield jobs.c.state == "queued"
        yield scheduled if state == "scheduled" else sa.not_(sa.func.coalesce(scheduled, sa.false()))
    elif state in ("failed", "dead"):
        yield jobs.c.state == "failed"
        yield exhausted if state == "dead" else sa.not_(exhausted)
    else:
        yield jobs.c.state == state


def _task(row: Any) -> TaskRow:
    return TaskRow(**{name: row[f"task_{name}"] for name in TaskRow.__struct_fields__})
