"""The verbs of attempts, each in the transaction of what it belongs to; events come behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.features.tasks.attempts.model import Attempt, AttemptState, Told
from roundhouse.features.tasks.attempts.rows import attempts
from roundhouse.infra.db import Tx

_FIELDS = [attempts.c[name] for name in Attempt.__struct_fields__]


async def begin(
    tx: Tx,
    site_id: str,
    job_id: str,
    step: str,
    target: str,
    at_s: float,
    cost: float,
    request: dict[str, Any] | None = None,
) -> Attempt:
    """Write that a call is about to be made; it has the key of the try before where nobody knows what came of that.

    Args:
        tx: A write transaction, committed before the call.
        site_id: Tenant.
        job_id: The task.
        step: Name of the step.
        target: What is called.
        at_s: Unix time.
        cost: Cost units of the call.
        request: What is sent, where that is not the task's own input.
    """
    before = await last(tx, job_id, step)
    n = 1 if before is None else before.n + 1
    unknown = before is not None and before.outcome_unknown
    key = before.idempotency_key if before is not None and unknown else f"{job_id}:{step}:{n}"
    return await _insert(
        tx, Attempt(job_id, site_id, step, n, target, "started", key, request, None, None, at_s, None, cost)
    )


async def begin_first(
    tx: Tx, site_id: str, job_id: str, step: str, target: str, at_s: float, cost: float
) -> Attempt:
    """`begin` for a task that is new."""
    key = f"{job_id}:{step}:1"
    return await _insert(
        tx, Attempt(job_id, site_id, step, 1, target, "started", key, None, None, None, at_s, None, cost)
    )


async def succeed(tx: Tx, attempt: Attempt, told: Told, at_s: float) -> None:
    """Write that it did what it should."""
    await _end(tx, attempt, "ok", told, at_s)


async def fail(tx: Tx, attempt: Attempt, told: Told, at_s: float) -> None:
    """Write that it failed."""
    await _end(tx, attempt, "failed", told, at_s)


async def late(tx: Tx, attempt: Attempt, told: Told, at_s: float) -> None:
    """Write what came when somebody else had the task already."""
    await _end(tx, attempt, "late", told, at_s)


async def abandon(tx: Tx, attempt: Attempt, at_s: float) -> None:
    """Write that nobody waits for its answer any more."""
    await _end(tx, attempt, "abandoned", Told(), at_s)


async def abandon_open(tx: Tx, job_id: str, step: str, at_s: float) -> None:
    """The same of a step's try whose process died."""
    open_one = (attempts.c.job_id == job_id, attempts.c.step == step, attempts.c.state == "started")
    await tx.execute(sa.update(attempts).where(*open_one).values(state="abandoned", ended_at_s=at_s))


async def settle(tx: Tx, job_id: str, error: dict[str, Any]) -> None:
    """Decide of a task's tries of which nobody knows what came that they failed: the next one is a new call."""
    unknown = attempts.c.state.in_(("started", "abandoned"))
    statement = sa.update(attempts).where(attempts.c.job_id == job_id, unknown, attempts.c.error.is_(None))
    await tx.execute(statement.values(error=error, state="abandoned"))


async def last(tx: Tx, job_id: str, step: str) -> Attempt | None:
    """The newest try of a step."""
    query = sa.select(*_FIELDS).where(attempts.c.job_id == job_id, attempts.c.step == step)
    row = (await tx.execute(query.order_by(attempts.c.n.desc()).limit(1))).one_or_none()
    return None if row is None else Attempt(*row)


async def of_job(tx: Tx, site_id: str, job_id: str) -> list[Attempt]:
    """All tries of a task, in the order in which they began."""
    query = sa.select(*_FIELDS).where(attempts.c.job_id == job_id, attempts.c.site_id == site_id)
    rows = await tx.execute(query.order_by(attempts.c.started_at_s, attempts.c.step, attempts.c.n))
    return [Attempt(*row) for row in rows]


async def costs(tx: Tx, job_ids: Sequence[str]) -> dict[str, float]:
    """What the tries of tasks cost so far, by task."""
    query = (
        sa.select(attempts.c.job_id, sa.func.sum(attempts.c.cost))
        .where(attempts.c.job_id.in_(job_ids))
        .group_by(attempts.c.job_id)
    )
    found = {job_id: float(cost or 0.0) for job_id, cost in await tx.execute(query)}
    return {job_id: found.get(job_id, 0.0) for job_id in job_ids}


async def forget_values(tx: Tx, job_id: str) -> None:
    """Have a task's tries keep only when and how they ended, and what they cost."""
    statement = sa.update(attempts).where(attempts.c.job_id == job_id)
    await tx.execute(statement.values(request=None, response=None))


async def _insert(tx: Tx, attempt: Attempt) -> Attempt:
    await tx.execute(sa.insert(attempts), msgspec.structs.asdict(attempt))
    return attempt


async def _end(tx: Tx, attempt: Attempt, state: AttemptState, told: Told, at_s: float) -> None:
    values: dict[str, Any] = {
        "state": state,
        "ended_at_s": at_s,
        "response": told.response,
        "error": told.error,
    }
    if told.request is not None:
        values["request"] = told.request
    if told.cost is not None:
        values["cost"] = told.cost
    this = {"of_job_id": attempt.job_id, "of_step": attempt.step, "of_n": attempt.n}
    await tx.execute(_ending(tuple(values)), values | this)


@lru_cache(maxsize=16)
def _ending(names: tuple[str, ...]) -> sa.Update:
    """Changes these columns of one try; to build it costs more than to run it."""
    this = (
        attempts.c.job_id == sa.bindparam("of_job_id"),
        attempts.c.step == sa.bindparam("of_step"),
        attempts.c.n == sa.bindparam("of_n"),
    )
    return sa.update(attempts).where(*this).values({name: sa.bindparam(name) for name in names})
