"""A job as clients see it. Every room that answers 202 answers with this shape."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from roundhouse.core.jobs import TASK_KINDS, Attempt, Job, JobState, QueueName, Stage, StageState
from roundhouse.infra.jobs.queue import Place
from roundhouse.infra.jobs.telling import task_names
from roundhouse.infra.moments import moment, moment_or_none


class StageRead(BaseModel):
    """One step of a job."""

    name: str
    state: StageState
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None = Field(description="So far, while it runs; null = not begun.")


class AttemptRead(BaseModel):
    """One run that did not complete the job."""

    run: int
    outcome: Literal["failed", "lost", "interrupted", "waiting", "cancelled"] = Field(
        description="`lost`: its executor died; `interrupted`: its executor stopped, and that counts as no attempt."
    )
    executor_id: str
    started_at: datetime
    ended_at: datetime
    duration_s: float
    error: dict[str, Any] | None


class JobTimings(BaseModel):
    """Where the time went, in seconds; so far, while the job has not ended."""

    queued_s: float = Field(description="From acceptance to the first start.")
    running_s: float = Field(description="All runs together.")
    total_s: float = Field(description="From acceptance to the end.")


class JobRead(BaseModel):
    """One job."""

    object: Literal["job"] = "job"
    id: str
    kind: str
    queue: QueueName
    state: JobState
    waiting_for: str | None = Field(description="What a `waiting` job waits for.")
    stage: str | None = Field(description="The stage that runs now.")
    progress: float = Field(ge=0, le=1, description="Of all stages together.")
    message: str = Field(description="What it does just now.")
    position: int | None = Field(description="Of a `queued` job: jobs that start before it. Null in lists.")
    expected_wait_s: float | None = Field(
        description="Of a `queued` job: seconds until it starts, as measured; null = not known. Null in lists."
    )
    priority: int
    stages: list[StageRead]
    attempts: int = Field(description="Runs that count.")
    max_attempts: int
    history: list[AttemptRead] = Field(description="Runs that did not complete it.")
    input: dict[str, Any] = Field(
        description="Of a task its capability or flow and the version alone: the rest is in its trace."
    )
    result: Any = Field(description="Of a `completed` job.")
    error: dict[str, Any] | None = Field(description="Of a `failed` job: `code` and `message`.")
    timings: JobTimings
    cancel_requested: bool = Field(description="It runs still, and was told to stop.")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    run_after: datetime | None = Field(
        description="A `queued` job does not start before it, a `waiting` one waits no longer."
    )
    deadline: datetime | None
    expires_at: datetime | None = Field(description="When it is deleted.")
    executor_id: str | None = Field(description="Who runs it.")
    revision: int = Field(description="Of its pipeline.")
    user_id: str | None
    app_id: str | None


def read_job(job: Job, now_s: float, place: Place | None = None) -> JobRead:
    """A job as clients see it.

    Args:
        job: As it stands.
        now_s: Unix time, for what still lasts.
        place: Its place in the queue, where that was looked up.
    """
    return JobRead(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        state=job.state,
        waiting_for=job.waiting_for,
        stage=next((one.name for one in job.stages if one.state == "running"), None),
        progress=round(min(max(job.progress, 0.0), 1.0), 4),
        message=job.message,
        position=None if place is None else place.position,
        expected_wait_s=None if place is None else place.expected_wait_s,
        priority=job.priority,
        stages=[_stage(one, now_s) for one in job.stages],
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        history=[_attempt(one) for one in job.history],
        input=task_names(job) if job.kind in TASK_KINDS else job.input,
        result=job.result,
        error=job.error,
        timings=_timings(job, now_s),
        cancel_requested=job.cancel_requested,
        created_at=moment(job.created_at_s),
        updated_at=moment(job.updated_at_s),
        started_at=moment_or_none(job.started_at_s),
        ended_at=moment_or_none(job.ended_at_s),
        run_after=moment_or_none(job.run_after_s),
        deadline=moment_or_none(job.deadline_s),
        expires_at=moment_or_none(job.expires_at_s),
        executor_id=job.executor_id,
        revision=job.revision,
        user_id=job.caller.user_id,
        app_id=job.caller.app_id,
    )


def _stage(one: Stage, now_s: float) -> StageRead:
    duration_s = None
    if one.started_at_s is not None:
        duration_s = _span(one.started_at_s, now_s if one.ended_at_s is None else one.ended_at_s)
    return StageRead(
        name=one.name,
        state=one.state,
        started_at=moment_or_none(one.started_at_s),
        ended_at=moment_or_none(one.ended_at_s),
        duration_s=duration_s,
    )


def _attempt(one: Attempt) -> AttemptRead:
    return AttemptRead(
        run=one.run,
        outcome=one.outcome,
        executor_id=one.executor_id,
        started_at=moment(one.started_at_s),
        ended_at=moment(one.ended_at_s),
        duration_s=_span(one.started_at_s, one.ended_at_s),
        error=one.error,
    )


def _timings(job: Job, now_s: float) -> JobTimings:
    end_s = now_s if job.ended_at_s is None else job.ended_at_s
    running_s = sum(_span(one.started_at_s, one.ended_at_s) for one in job.history)
    if job.run_started_at_s is not None and job.state in ("running", "completed"):
        running_s += _span(job.run_started_at_s, end_s)
    return JobTimings(
        queued_s=_span(job.created_at_s, end_s if job.started_at_s is None else job.started_at_s),
        running_s=round(running_s, 3),
        total_s=_span(job.created_at_s, end_s),
    )


def _span(start_s: float, end_s: float) -> float:
    # The two ends may come from clocks of two machines.
    return round(max(end_s - start_s, 0.0), 3)
