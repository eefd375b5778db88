"""Tasks and their traces as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import RoundhouseError
from roundhouse.core.jobs import Job
from roundhouse.features.tasks.attempts.model import Attempt
from roundhouse.features.tasks.running.model import CALL, Reason, TaskRow, state_of
from roundhouse.features.tasks.running.schemas import (
    AttemptRead,
    DispatchRead,
    EventRead,
    StepRead,
    TaskLinks,
    TaskRead,
)
from roundhouse.infra.events.store import Event
from roundhouse.infra.jobs.queue import Place
from roundhouse.infra.moments import moment, moment_or_none


class Standing(msgspec.Struct, frozen=True):
    """A task as it stands.

    Attributes:
        job: Its life cycle.
        row: What is known of it besides.
        place: While it is queued.
        reason: Why it cannot start.
        output: What came of it, where the job does not say: it is not kept.
        error: What the last attempt failed with, where this process made it.
        cost: Cost units of its attempts so far.
        headers: What quota plans tell of it that was accepted just now.
    """

    job: Job
    row: TaskRow
    place: Place | None = None
    reason: Reason | None = None
    output: Any = None
    error: RoundhouseError | None = None
    cost: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


def read_task(one: Standing, now_s: float) -> TaskRead:
    """A task as clients see it."""
    job, row, place = one.job, one.row, one.place
    path = f"/v1/tasks/{job.id}"
    output = job.result if job.result is not None else one.output
    return TaskRead(
        id=job.id,
        state=state_of(job, now_s),
        capability=row.capability,
        flow=row.flow,
        version=row.version,
        output=output if job.state == "completed" else None,
        error=job.error,
        progress=round(min(max(job.progress, 0.0), 1.0), 4),
        message=job.message,
        waiting_for=job.waiting_for,
        position=None if place is None else place.position,
        expected_wait_s=None if place is None else place.expected_wait_s,
        reason=one.reason,
        priority=job.priority,
        attempts=job.attempts,
        cost=one.cost,
        metadata=dict(row.metadata),
        store=row.kept,
        privacy="local_only" if job.caller.local_only else None,
        created_at=moment(job.created_at_s),
        started_at=moment_or_none(job.started_at_s),
        ended_at=moment_or_none(job.ended_at_s),
        run_after=moment_or_none(job.run_after_s),
        deadline=moment_or_none(job.deadline_s),
        cancel_requested=job.cancel_requested,
        links=TaskLinks(self=path, events=f"{path}/events", trace=f"{path}/trace", cancel=f"{path}/cancel"),
    )


def read_dispatch(one: Standing, now_s: float) -> DispatchRead:
    """A task in its old form."""
    task = read_task(one, now_s)
    return DispatchRead(
        tracking_id=task.id,
        capability=task.capability,
        status=task.state,
        reason=task.reason,
        result=task.output,
        error=task.error,
        site_id=one.job.caller.site_id,
        user_id=one.job.caller.user_id,
        app_id=one.job.caller.app_id,
    )


def read_steps(attempts: Sequence[Attempt], given: Any, output: Any) -> list[StepRead]:
    """Attempts by step, in the order in which the steps began.

    Args:
        attempts: Of one task.
        given: Its input, which is what was sent where an attempt does not say.
        output: Its output, which is what came back where an attempt that succeeded does not say.
    """
    steps: dict[str, StepRead] = {}
    for one in attempts:
        step = steps.setdefault(one.step, StepRead(id=one.step, attempts=[]))
        step.attempts.append(_attempt(one, given, output))
    return list(steps.values())


def read_events(events: Iterable[Event]) -> list[EventRead]:
    """Events as a trace shows them."""
    return [
        EventRead(id=one.id, seq=one.seq, type=one.type, at=moment(one.at_s), data=one.data) for one in events
    ]


def _attempt(one: Attempt, given: Any, output: Any) -> AttemptRead:
    response = one.response
    if one.state == "ok" and one.step == CALL:
        response = {"output": output, **(response or {})}
    request = {"input": given, **(one.request or {})}
    ms = None if one.ended_at_s is None else round(max(one.ended_at_s - one.started_at_s, 0.0) * 1000, 3)
    return AttemptRead(
        n=one.n,
        target=one.target,
        state=one.state,
        idempotency_key=one.idempotency_key,
        request=request,
        response=response,
        error=one.error,
        started_at=moment(one.started_at_s),
        ended_at=moment_or_none(one.ended_at_s),
        ms=ms,
        cost=one.cost,
    )
