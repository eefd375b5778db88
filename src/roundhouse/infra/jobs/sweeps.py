"""What is looked for again and again: jobs of dead executors, jobs that are over, jobs that nobody knows any more."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roundhouse.core.errors import DeadlineExceeded, ExecutorLost, PipelineRetired, RoundhouseError
from roundhouse.core.jobs import Job, Pipeline
from roundhouse.infra.db import Database
from roundhouse.infra.jobs import store, transitions
from roundhouse.infra.jobs.claiming import is_suspect
from roundhouse.infra.jobs.membership import Membership
from roundhouse.infra.jobs.model import Durable, run_id, run_ids
from roundhouse.infra.jobs.pipelines import PipelineTable, fail_running, label, put_back, share_done
from roundhouse.infra.jobs.rows import jobs
from roundhouse.infra.jobs.telling import EventType
from roundhouse.infra.jobs.transitions import ending, pinned, with_attempt, woken

_BATCH = 200
_GONE = ".gone-"
_UNKNOWN_S = 3600.0
# Whoever retries a job may have a clock that is a little late: then its finished steps must still be there.
_SKEW_S = 60.0

_Change = tuple[Job, EventType, dict[str, Any]]


async def take_over(
    db: Database,
    durable: Durable,
    dead: str,
    membership: Membership,
    now_s: float,
    keep_s: float,
    pipelines: PipelineTable,
) -> int:
    """Put the jobs of a dead executor back into their queues, and forget it once it has none.

    Returns:
        How many they were.
    """
    async with db.read() as tx:
        lost = await store.running(tx, dead)
    count = await release(db, durable, lost, now_s, keep_s, pipelines)
    async with db.begin() as tx:
        # It may have been frozen in the middle of taking one more.
        if not await store.running(tx, dead):
            await membership.forget(tx, dead)
    return count


async def release(
    db: Database,
    durable: Durable,
    lost: Sequence[Job],
    now_s: float,
    keep_s: float,
    pipelines: PipelineTable,
) -> int:
    """Put jobs whose run is lost back into their queues; the runs are fenced first, so that none can be in time.

    Returns:
        How many still ran by the table.
    """
    if not lost:
        return 0
    runs = {(job.id, job.run) for job in lost}
    await durable.fence([run_id(*one) for one in runs])
    async with db.begin() as tx:
        condition = sa.and_(jobs.c.state == "running", jobs.c.id.in_([job.id for job in lost]))
        held = await transitions.lock(tx, condition, limit=len(lost))
        blamed = any(map(is_suspect, lost))
        changes = [
            _lost(job, now_s, now_s + keep_s, counts=is_suspect(job) or not blamed)
            for job in held
            if (job.id, job.run) in runs
        ]
        await transitions.change_all(tx, changes, now_s, pipelines)
    return len(changes)


def _lost(job: Job, now_s: float, expires_at_s: float, *, counts: bool) -> _Change:
    """A job whose executor is gone; the attempt does not count where another job is blamed for that."""
    if job.cancel_requested:
        history = with_attempt(job, "cancelled", now_s)
        return (
            job,
            "job.cancelled",
            ending("cancelled", now_s, expires_at_s, history=history, stages=put_back(job.stages)),
        )
    history = with_attempt(job, "lost", now_s)
    if counts and job.attempts >= job.max_attempts:
        error = ExecutorLost(f"The executor died in the last of {job.attempts} attempts.")
        return job, "job.failed", _failing(job, error, now_s, expires_at_s, history=history)
    stages = put_back(job.stages)
    values = {
        "state": "queued",
        "executor_id": None,
        "attempts": job.attempts - (not counts),
        "stages": stages,
        "progress": share_done(stages),
        "history": history,
        "message": "",
    }
    return job, "job.queued", values


def _failing(
    job: Job, error: RoundhouseError, now_s: float, expires_at_s: float, **more: Any
) -> dict[str, Any]:
    told = {"code": error.code, "message": error.detail}
    stages = fail_running(job.stages, now_s)
    return ending("failed", now_s, expires_at_s, error=told, stages=stages, **more)


async def end_overdue(db: Database, now_s: float, keep_s: float, pipelines: PipelineTable) -> None:
    """Fail what has not begun at its deadline; let go on what has waited long enough."""
    overdue = sa.and_(jobs.c.deadline_s <= now_s, jobs.c.state.in_(("queued", "waiting")))
    waited = sa.and_(jobs.c.state == "waiting", jobs.c.run_after_s <= now_s)
    async with db.read() as tx:
        found = (await tx.execute(sa.select(jobs.c.id).where(sa.or_(overdue, waited)).limit(1))).first()
    if found is None:
        return
    over = partial(_over, now_s=now_s, expires_at_s=now_s + keep_s)
    await _change_every(db, sa.or_(overdue, waited), over, now_s, pipelines)


def _over(job: Job, now_s: float, expires_at_s: float) -> _Change:
    if job.deadline_s is not None and job.deadline_s <= now_s:
        error = DeadlineExceeded("The job was not done at its deadline.")
        return job, "job.failed", _failing(job, error, now_s, expires_at_s)
    return job, "job.queued", woken({**job.signals, job.waiting_for or "": None})


async def adopt_strays(
    db: Database, pipelines: PipelineTable, known: Collection[str], now_s: float, keep_s: float
) -> None:
    """After an upgrade: jobs whose revision no living executor knows go to the newest one, or fail.

    A job that has not begun goes on under the newest revision of its kind; one that has begun does so if that revision
    accepts it. Any other fails as `pipeline_retired`; retrying it begins anew. A kind or revision that this executor
    may be too old to know is given an hour: while a house is upgraded, its API may accept what no executor knows yet.

    Args:
        db: The database.
        pipelines: What this executor knows.
        known: `kind@revision` that other living executors know.
        now_s: Unix time.
        keep_s: How long a failed job is kept.
    """
    async with db.read() as tx:
        found = await store.revisions(tx)
    for kind, revision in found:
        if label(kind, revision) in known or (kind, revision) in pipelines.known:
            continue
        newest = pipelines.newest(kind)
        condition = sa.and_(
            jobs.c.kind == kind,
            jobs.c.revision == revision,
            jobs.c.state.in_(("queued", "waiting")),
        )
        if newest is None or newest.revision < revision:
            condition = sa.and_(condition, jobs.c.updated_at_s <= now_s - _UNKNOWN_S)
        adopted = partial(_adopted, newest=newest, now_s=now_s, expires_at_s=now_s + keep_s)
        await _change_every(db, condition, adopted, now_s, pipelines)


def _adopted(job: Job, newest: Pipeline | None, now_s: float, expires_at_s: float) -> _Change:
    if newest is not None and (job.run == 0 or job.revision in newest.accepts):
        kind: EventType = "job.waiting" if job.state == "waiting" else "job.queued"
        return job, kind, pinned(job, newest)
    error = PipelineRetired(f"No executor knows {label(job.kind, job.revision)} any more; retry begins anew.")
    return job, "job.failed", _failing(job, error, now_s, expires_at_s)


async def _change_every(
    db: Database,
    condition: sa.ColumnElement[bool],
    changed: Callable[[Job], _Change],
    now_s: float,
    pipelines: PipelineTable,
) -> None:
    """Change all jobs to which a condition applies, so that it does no more; a few hundred in each transaction."""
    count = _BATCH
    while count == _BATCH:
        async with db.begin() as tx:
            held = await transitions.lock(tx, condition, limit=_BATCH)
            await transitions.change_all(tx, [changed(job) for job in held], now_s, pipelines)
        count = len(held)


async def clean_up(db: Database, durable: Durable, folders: Path, now_s: float) -> int:
    """Delete ended jobs whose time is over, with their finished steps and folders.

    Returns:
        How many they were.
    """
    deleted = 0
    while True:
        async with db.read() as tx:
            found = await store.expired(tx, now_s - _SKEW_S, _BATCH)
        if not found:
            return deleted
        await durable.delete([one for job_id, run in found for one in run_ids(job_id, 1, run)])
        for job_id, _ in found:
            await asyncio.to_thread(shutil.rmtree, folders / job_id, ignore_errors=True)
        async with db.begin() as tx:
            await store.delete(tx, [job_id for job_id, _ in found])
        deleted += len(found)


async def clear_folders(db: Database, folders: Path) -> None:
    """Delete folders of jobs that have completed or are deleted, left by an executor that died before it could.

    A job that has failed or was cancelled keeps its own: when it is retried, its finished steps do not run again.

    Args:
        db: The database.
        folders: Where each job has its own, named after it.
    """
    there = await asyncio.to_thread(_names, folders)
    for name in await _needless(db, [one for one in there if not one.startswith(_GONE)]):
        async with db.begin() as tx:
            job = await transitions.lock_one(tx, name)
            # As long as the row is locked nobody retries the job, and no run of it looks for its files.
            if job is None or job.state == "completed":
                # Another executor may have been here first.
                with suppress(OSError):
                    (folders / name).rename(folders / f"{_GONE}{name}")
                    there.append(f"{_GONE}{name}")
    for name in there:
        if name.startswith(_GONE):
            await asyncio.to_thread(shutil.rmtree, folders / name, ignore_errors=True)


async def _needless(db: Database, job_ids: list[str]) -> list[str]:
    if not job_ids:
        return []
    async with db.read() as tx:
        query = sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.state != "completed")
        needed = set((await tx.execute(query)).scalars())
    return [one for one in job_ids if one not in needed]


def _names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()] if folder.exists() else []
