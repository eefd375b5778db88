"""The events that tell a job's changes. What happens to a task is told under its own names besides.

The job's event is the last of a change: whoever follows a job, or a task, to its end has heard all by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from roundhouse.core.jobs import EXHAUSTED, TASK_KINDS, TASK_NAMES, Job
from roundhouse.infra.events.store import Event, NewEvent

EventType = Literal[
    "job.queued",
    "job.started",
    "job.stage",
    "job.progress",
    "job.waiting",
    "job.cancel_requested",
    "job.completed",
    "job.failed",
    "job.cancelled",
]
TaskEventType = Literal[
    "task.created",
    "task.started",
    "task.progress",
    "task.completed",
    "task.failed",
    "task.dead",
    "task.cancelled",
]
TERMINAL_EVENTS = frozenset({"job.completed", "job.failed", "job.cancelled"})

_TASK_EVENTS: dict[EventType, TaskEventType] = {
    "job.started": "task.started",
    "job.progress": "task.progress",
    "job.completed": "task.completed",
    "job.failed": "task.failed",
    "job.cancelled": "task.cancelled",
}


def ends_job(event: Event) -> bool:
    """Whether an event is the last one of a job, unless that is retried."""
    return event.type in TERMINAL_EVENTS


def task_names(job: Job) -> dict[str, Any]:
    """What a task is of: its capability or flow, and the version."""
    return {name: job.input[name] for name in TASK_NAMES if job.input.get(name) is not None}


def tidings(job: Job, kind: EventType) -> Iterator[NewEvent]:
    """The events of a job's change, in order."""
    if job.kind in TASK_KINDS:
        for name in _task_events(job, kind):
            yield _task_event(job, name)
    yield NewEvent(job.caller.site_id, job.id, kind, _of_job(job), job.updated_at_s)


def _task_event(job: Job, name: TaskEventType) -> NewEvent:
    data: dict[str, Any] = {"task_id": job.id, "state": "dead" if name == "task.dead" else job.state}
    data |= task_names(job)
    if job.state == "running":
        data |= {"progress": round(job.progress, 4), "message": job.message}
    return NewEvent(job.caller.site_id, job.id, name, data | _outcome(job), job.updated_at_s)


def _task_events(job: Job, kind: EventType) -> Iterator[TaskEventType]:
    # No change was made of it yet.
    if job.version == 0 and kind in ("job.queued", "job.started"):
        yield "task.created"
    if kind == "job.failed" and job.error is not None and job.error.get("code") in EXHAUSTED:
        yield "task.dead"
    elif kind in _TASK_EVENTS:
        yield _TASK_EVENTS[kind]


def _of_job(job: Job) -> dict[str, Any]:
    """What a list of jobs shows of it."""
    data: dict[str, Any] = {
        "job_id": job.id,
        "kind": job.kind,
        "state": job.state,
        "stage": next((one.name for one in job.stages if one.state == "running"), None),
        "progress": round(job.progress, 4),
        "message": job.message,
        "attempts": job.attempts,
    }
    if job.waiting_for is not None:
        data["waiting_for"] = job.waiting_for
    return data | _outcome(job)


def _outcome(job: Job) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if job.error is not None:
        data["error"] = job.error
    if job.ended_at_s is not None and job.run_started_at_s is not None:
        data["run_s"] = round(max(job.ended_at_s - job.run_started_at_s, 0.0), 3)
    return data
