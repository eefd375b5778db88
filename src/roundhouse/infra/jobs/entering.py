"""New rows of the table `jobs`, with the events that tell of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.ids import new_id
from roundhouse.core.jobs import Job, NewJob, Pipeline
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.events.store import NewEvent, append
from roundhouse.infra.jobs.pipelines import begin_next, fresh_stages
from roundhouse.infra.jobs.rows import jobs, read_row
from roundhouse.infra.jobs.telling import tidings

_INSERT = sa.insert(jobs).returning(jobs.c.id, jobs.c.seq)
_NONE_YET: dict[str, Any] = dict.fromkeys(column.name for column in jobs.c)


class Entry(msgspec.Struct, frozen=True):
    """A job that is to be written.

    Attributes:
        caller: Who asks for it.
        new: What is asked; its input as it will be read again.
        pipeline: The pipeline of its kind.
        executor_id: Who starts it in the transaction that accepts it; None = it is queued.
    """

    caller: Caller
    new: NewJob
    pipeline: Pipeline
    executor_id: str | None = None


Also = Callable[[Job], Awaitable[None]]
"""Writes a room's own rows of a new job, in the transaction that accepts it."""


async def enter(tx: Tx, entries: Sequence[Entry], now_s: float, also: Also | None = None) -> list[Job | None]:
    """Write new jobs and their events, the last of the transaction; None = its idempotency key is taken.

    Args:
        tx: A write transaction.
        entries: Of each idempotency key of a tenant and kind at most one.
        now_s: Unix time.
        also: Called for each job that is new, before the events.
    """
    rows = [_row(one, now_s) for one in entries]
    free = [row for row in rows if row["idempotency_key"] is None]
    seqs = await _write_all(tx, free)
    # Two transactions with the same keys wait for each other in one order only.
    for row in sorted(rows, key=lambda row: (row["site_id"], row["kind"], row["idempotency_key"] or "")):
        if row["idempotency_key"] is not None:
            seqs |= await _write_keyed(tx, row)
    written = [_job(row, seqs.get(row["id"])) for row in rows]
    if also is not None:
        for one in written:
            if one is not None:
                await also(one)
    news = [one for job in written if job is not None for one in _news(job)]
    await append(tx, *news)
    return written


def _news(job: Job) -> list[NewEvent]:
    """A job that was started at once was never queued: executors are not woken for it."""
    return [*tidings(job, "job.started" if job.state == "running" else "job.queued")]


async def _write_all(tx: Tx, rows: list[dict[str, Any]]) -> dict[str, int]:
    if not rows:
        return {}
    # One row alone is a plain statement, several are put together by SQLAlchemy anew each time.
    given = rows if len(rows) > 1 else rows[0]
    return {job_id: seq for job_id, seq in (await tx.execute(_INSERT, given)).all()}


async def _write_keyed(tx: Tx, row: dict[str, Any]) -> dict[str, int]:
    statement = insert_if_new(tx, jobs).returning(jobs.c.id, jobs.c.seq)
    return {job_id: seq for job_id, seq in (await tx.execute(statement, row)).all()}


def _row(entry: Entry, now_s: float) -> dict[str, Any]:
    caller, new, pipeline = entry.caller, entry.new, entry.pipeline
    row: dict[str, Any] = {
        "id": new_id("job"),
        "site_id": caller.site_id,
        "user_id": caller.user_id,
        "app_id": caller.app_id,
        "caller": msgspec.to_builtins(caller),
        "kind": new.kind,
        "revision": pipeline.revision,
        "queue": pipeline.queue,
        "state": "queued",
        "rank": -new.priority,
        "input": new.input,
        "stages": msgspec.to_builtins(fresh_stages(pipeline)),
        "progress": 0.0,
        "message": "",
        "version": 0,
        "run": 0,
        "since_run": 0,
        "attempts": 0,
        "max_attempts": pipeline.retry.max_attempts if new.max_attempts is None else new.max_attempts,
        "history": [],
        "signals": {},
        "run_after_s": new.run_after_s,
        "deadline_s": new.deadline_s,
        "created_at_s": now_s,
        "updated_at_s": now_s,
        "cancel_requested": False,
        "idempotency_key": new.idempotency_key,
        "counted": new.counted,
    }
    return row if entry.executor_id is None else row | _started(entry, now_s)


def _started(entry: Entry, now_s: float) -> dict[str, Any]:
    return {
        "state": "running",
        "executor_id": entry.executor_id,
        "run": 1,
        "attempts": 1,
        "started_at_s": now_s,
        "run_started_at_s": now_s,
        "stages": msgspec.to_builtins(begin_next(fresh_stages(entry.pipeline), now_s)),
    }


def _job(row: dict[str, Any], seq: int | None) -> Job | None:
    return None if seq is None else read_row({**_NONE_YET, **row, "seq": seq})
