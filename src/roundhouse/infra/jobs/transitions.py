"""Every change of a job's state, each with the event that tells it, in one transaction.

Changes by an executor hold only while it still has the job (`Claim`): whoever lost it changes nothing. A change whose
commit was acknowledged too late is recognised by the row's `version` and not made twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import ENDED_STATES, Again, Along, Attempt, AttemptOutcome, Job, Pipeline
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import NewEvent, append
from roundhouse.infra.jobs.model import RunLost
from roundhouse.infra.jobs.pipelines import PipelineTable, fresh_stages, share_done
from roundhouse.infra.jobs.rows import jobs, read_row
from roundhouse.infra.jobs.telling import EventType, tidings

_BATCH = 200
_MOST_HISTORY = 100
_HELD = (
    jobs.c.id == sa.bindparam("held_job_id"),
    jobs.c.executor_id == sa.bindparam("held_executor_id"),
    jobs.c.run == sa.bindparam("held_run"),
    jobs.c.state == "running",
    jobs.c.version == sa.bindparam("held_version"),
)
"""Applies to the job of a claim (`_holding`) as long as its executor has it."""


class Claim(msgspec.Struct):
    """The right of one executor to change one job during one run.

    Attributes:
        job_id: Which job.
        executor_id: Whose right.
        run: In which run.
        version: The row's version after the last change that is known to be committed.
    """

    job_id: str
    executor_id: str
    run: int
    version: int


class Move(msgspec.Struct, frozen=True):
    """One change of a job by the executor that runs it.

    Attributes:
        claim: The right to do so.
        kind: The event that tells it.
        changes: New values of columns.
        expires_at_s: When the job is deleted, if this turns out to be its end.
        along: What is written with it.
    """

    claim: Claim
    kind: EventType
    changes: dict[str, Any]
    expires_at_s: float
    along: Along | None = None


async def move_all(
    tx: Tx, moves: Sequence[Move], now_s: float, pipelines: PipelineTable | None = None
) -> list[Job | RunLost]:
    """Changes by the executor that runs the jobs; their claims' versions are to be raised once they are committed.

    Out of the executor's hands, one that was asked to stop is cancelled, and one whose signal has come already waits
    no more.

    Args:
        tx: A write transaction.
        moves: Of one job at most one.
        now_s: Unix time.
        pipelines: Has counted jobs that end settled.

    Returns:
        For each the job as it is now; `RunLost` where somebody else has it, or it has ended.
    """
    found: dict[str, Job | RunLost] = {}
    events: list[NewEvent] = []
    ended: list[Job] = []
    for one in sorted(moves, key=lambda one: one.claim.job_id):
        moved, news = await _move(tx, await _as_asked(tx, one, now_s), now_s)
        found[one.claim.job_id] = moved
        job = None if isinstance(moved, RunLost) else moved
        if one.along is not None and (news or job is None):
            events += await one.along(tx, job) or ()
        events += news
        if job is not None and job.ended and news:
            ended.append(job)
    await _settle(tx, ended, pipelines)
    await append(tx, *events)
    return [found[one.claim.job_id] for one in moves]


async def _settle(tx: Tx, ended: Sequence[Job], pipelines: PipelineTable | None) -> None:
    if pipelines is not None:
        await pipelines.settle(tx, ended)
    elif any(job.counted for job in ended):
        raise RoundhouseError("A counted job ends where nobody can settle it.")


async def _as_asked(tx: Tx, move: Move, now_s: float) -> Move:
    if move.changes.get("state") not in ("queued", "waiting"):
        return move
    job = await lock_one(tx, move.claim.job_id)
    if job is None:
        return move
    if job.cancel_requested:
        over = ending("cancelled", now_s, move.expires_at_s)
        return msgspec.structs.replace(move, kind="job.cancelled", changes=move.changes | over)
    if move.kind == "job.waiting" and move.changes["waiting_for"] in job.signals:
        return msgspec.structs.replace(move, kind="job.queued", changes=move.changes | woken(job.signals))
    return move


async def _move(tx: Tx, move: Move, now_s: float) -> tuple[Job | RunLost, list[NewEvent]]:
    values = _plain(move.changes) | {"version": move.claim.version + 1, "updated_at_s": now_s}
    job = await _change_held(tx, move.claim, values)
    if job is None:
        return await _made_before(tx, move), []
    return job, [*tidings(job, move.kind)]


@lru_cache(maxsize=64)
def _changing(names: tuple[str, ...]) -> sa.Update:
    """Changes these columns of a job that is held; to build it costs more than to run it, and few are needed."""
    values: dict[str, sa.BindParameter[Any]] = {name: sa.bindparam(name) for name in names}
    return sa.update(jobs).where(*_HELD).values(values).returning(*jobs.c)


async def _change_held(tx: Tx, claim: Claim, values: dict[str, Any]) -> Job | None:
    """The job with these values; None = the executor has it no more."""
    changing = _changing(tuple(sorted(values)))
    row = (await tx.execute(changing, values | _holding(claim))).mappings().one_or_none()
    return None if row is None else read_row(row)


def _holding(claim: Claim) -> dict[str, Any]:
    return {f"held_{name}": value for name, value in msgspec.structs.asdict(claim).items()}


async def _made_before(tx: Tx, move: Move) -> Job | RunLost:
    """The job, when this very change was committed although its answer never came."""
    claim = move.claim
    query = sa.select(jobs).where(
        jobs.c.id == claim.job_id,
        jobs.c.run == claim.run,
        jobs.c.version == claim.version + 1,
        jobs.c.state == move.changes.get("state", "running"),
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return RunLost() if row is None else read_row(row)


_HOLDS = sa.select(jobs.c.seq).where(*_HELD)


async def holds(tx: Tx, claim: Claim) -> bool:
    """Whether the executor still has the job."""
    return (await tx.execute(_HOLDS, _holding(claim))).first() is not None


async def tell_progress(tx: Tx, claims: list[tuple[Claim, float, str]], now_s: float) -> None:
    """Write how far running jobs are; those that were lost, or are further by now, are left alone."""
    events: list[NewEvent] = []
    for claim, progress, message in sorted(claims, key=lambda one: one[0].job_id):
        values = {"progress": progress, "message": message, "updated_at_s": now_s}
        job = await _change_held(tx, claim, values)
        if job is not None:
            events += tidings(job, "job.progress")
    await append(tx, *events)


async def cancel(
    tx: Tx, job: Job, now_s: float, expires_at_s: float, pipelines: PipelineTable | None = None
) -> Job:
    """Cancel what does not run, ask for a stop of what does; call with the row locked or in a write transaction."""
    if job.ended or job.cancel_requested:
        return job
    if job.state == "running":
        return await _change(tx, job, "job.cancel_requested", now_s, cancel_requested=True)
    over = ending("cancelled", now_s, expires_at_s)
    return (await change_all(tx, [(job, "job.cancelled", over)], now_s, pipelines))[0]


async def requeue(tx: Tx, job: Job, pipeline: Pipeline, now_s: float, again: Again) -> Job:
    """Queue a failed or cancelled job again, with all its attempts before it; finished steps stay finished.

    Under a revision that does not accept its own it begins anew, under a new list of stages. Signals stay; what was
    not brought in time is waited for again.
    """
    return await _change(
        tx,
        job,
        "job.queued",
        now_s,
        **pinned(job, pipeline),
        state="queued",
        attempts=0,
        signals={name: signal for name, signal in job.signals.items() if signal is not None},
        max_attempts=pipeline.retry.max_attempts,
        error=None,
        result=None,
        counted=again.counted,
        run_after_s=again.run_after_s,
        deadline_s=None,
        ended_at_s=None,
        expires_at_s=None,
        cancel_requested=False,
    )


def carries_on(pipeline: Pipeline, job: Job) -> bool:
    """Whether this pipeline may use the finished steps of the job."""
    return job.revision == pipeline.revision or job.revision in pipeline.accepts


def pinned(job: Job, pipeline: Pipeline) -> dict[str, Any]:
    """The columns that give a job to a revision: with its finished steps where that may carry on, else anew."""
    stages = fresh_stages(pipeline)
    if carries_on(pipeline, job):
        done = {one.name: one for one in job.stages if one.state == "completed"}
        stages = [done.get(one.name, one) for one in stages]
    return {
        "revision": pipeline.revision,
        "queue": pipeline.queue,
        "stages": stages,
        "progress": share_done(stages),
        "since_run": job.since_run if carries_on(pipeline, job) else job.run,
    }


async def wake(tx: Tx, job: Job, waiting_for: str, signal: Any, now_s: float) -> bool:
    """Bring a job a signal; one that waits for it is queued, one that has yet to wait for it will not.

    Returns:
        False when it has ended, or was brought this signal before: a run that was cut off must find what it found.
    """
    if job.ended or waiting_for in job.signals:
        return False
    signals = {**job.signals, waiting_for: signal}
    if job.state != "waiting" or job.waiting_for != waiting_for:
        statement = sa.update(jobs).where(jobs.c.id == job.id).values(signals=signals)
        await tx.execute(statement)
    else:
        await _change(tx, job, "job.queued", now_s, **woken(signals))
    return True


def woken(signals: dict[str, Any]) -> dict[str, Any]:
    """The columns of a job that waits no more."""
    return {"state": "queued", "signals": signals, "waiting_for": None, "run_after_s": None, "message": ""}


def ending(state: str, now_s: float, expires_at_s: float, **more: Any) -> dict[str, Any]:
    """The columns of a job that ends."""
    return {
        "state": state,
        "ended_at_s": now_s,
        "expires_at_s": expires_at_s,
        "executor_id": None,
        "waiting_for": None,
        "run_after_s": None,
        "message": "",
        **more,
    }


async def lock(
    tx: Tx,
    *conditions: sa.ColumnElement[bool],
    order: tuple[sa.ColumnElement[Any], ...] = (jobs.c.seq,),
    limit: int = _BATCH,
) -> list[Job]:
    """Jobs that are to be changed, locked until the end of the transaction; those locked by others are left out."""
    query = sa.select(jobs).where(*conditions).order_by(*order).limit(limit).with_for_update(skip_locked=True)
    return [read_row(row) for row in (await tx.execute(query)).mappings()]


async def lock_one(tx: Tx, job_id: str) -> Job | None:
    """One job, locked until the end of the transaction."""
    query = sa.select(jobs).where(jobs.c.id == job_id).with_for_update()
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else read_row(row)


async def change_all(
    tx: Tx,
    changes: list[tuple[Job, EventType, dict[str, Any]]],
    now_s: float,
    pipelines: PipelineTable | None = None,
) -> list[Job]:
    """Change jobs that are locked, then tell it: every row before the first event.

    Args:
        tx: A write transaction.
        changes: Job, event, and new values of columns.
        now_s: Unix time.
        pipelines: Has counted jobs that end settled; not needed where none can end.
    """
    changed = []
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for job, _, values in changes:
        # Two on: its former executor must not take this for a change of its own.
        values = values | {"version": job.version + 2, "updated_at_s": now_s}
        alike.setdefault(tuple(sorted(values)), []).append({"changed": job.id} | _plain(values))
        changed.append(msgspec.structs.replace(job, **values))
    for names, rows in alike.items():
        statement = sa.update(jobs).where(jobs.c.id == sa.bindparam("changed"))
        await tx.execute(statement.values({name: sa.bindparam(name) for name in names}), rows)
    ended = zip(changed, changes, strict=True)
    await _settle(tx, [job for job, (_, _, now) in ended if now.get("state") in ENDED_STATES], pipelines)
    pairs = zip(changed, changes, strict=True)
    await append(tx, *(one for job, (_, kind, _) in pairs for one in tidings(job, kind)))
    return changed


async def _change(tx: Tx, job: Job, kind: EventType, now_s: float, **values: Any) -> Job:
    if kind == "job.cancel_requested":
        # The version is its executor's: this is no change of what that one does.
        values["updated_at_s"] = now_s
        statement = sa.update(jobs).where(jobs.c.id == job.id).values(**values).returning(*jobs.c)
        asked = read_row((await tx.execute(statement)).mappings().one())
        await append(tx, *tidings(asked, kind))
        return asked
    return (await change_all(tx, [(job, kind, values)], now_s))[0]


def with_attempt(
    job: Job, outcome: AttemptOutcome, now_s: float, error: dict[str, Any] | None = None
) -> list[Attempt]:
    """The history of a job whose run is over."""
    began_s = now_s if job.run_started_at_s is None else job.run_started_at_s
    attempt = Attempt(job.run, job.executor_id or "", began_s, now_s, outcome, error)
    return [*job.history, attempt][-_MOST_HISTORY:]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: msgspec.to_builtins(value) if name in ("stages", "history") else value
        for name, value in values.items()
    }
