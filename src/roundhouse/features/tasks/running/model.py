"""What a task is beside its job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from roundhouse.core.jobs import EXHAUSTED, Job
from roundhouse.features.tasks.model import Kept

TASK = "task"
"""Kind of the job that is a call of one capability."""
CALL = "call"
"""Its one step."""

TaskState = Literal["scheduled", "queued", "running", "waiting", "completed", "failed", "dead", "cancelled"]
TASK_STATES: tuple[TaskState, ...] = (
    "scheduled",
    "queued",
    "running",
    "waiting",
    "completed",
    "failed",
    "dead",
    "cancelled",
)
Reason = Literal["no_worker"]

_STRICTNESS: dict[Kept, int] = {"full": 0, "result": 1, "none": 2}


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """The input of a job that is a call of one capability.

    Attributes:
        capability: Its name.
        version: The version that was the newest when the task was accepted.
        store: What is kept.
        input: JSON value; UNSET = it is not kept any more.
    """

    capability: str
    version: int
    store: Kept
    input: Any = msgspec.UNSET


class TaskRow(msgspec.Struct, frozen=True):
    """What is known of a task beside its job.

    Attributes:
        job_id: The task's id.
        site_id: Tenant.
        capability: What is to be done; None = a flow.
        flow: Likewise.
        version: Of the capability or the flow.
        kept: What is kept of it.
        forgotten: Whether what is not to be kept has been deleted.
        metadata: The client's own.
        shown: `{"input"}` as it may be shown, where it holds secrets; None = as it is.
        cost_units: What it may cost at most when nothing is tried twice.
    """

    job_id: str
    site_id: str
    capability: str | None
    flow: str | None
    version: int
    kept: Kept
    forgotten: bool
    metadata: Mapping[str, Any]
    shown: Mapping[str, Any] | None = None
    cost_units: float = 1.0


class Wanted(msgspec.Struct, frozen=True):
    """Which tasks of the caller; None = any. Times are Unix seconds."""

    state: TaskState | None = None
    capability: str | None = None
    flow: str | None = None
    since_s: float | None = None


def stricter(one: Kept, other: Kept) -> Kept:
    """Of what the capability and the request let be kept the less."""
    return max(one, other, key=lambda kept: _STRICTNESS[kept])


def state_of(job: Job, now_s: float) -> TaskState:
    """Where a task stands: as its job, but for what has a name of its own."""
    if job.state == "queued" and job.run == 0 and job.run_after_s is not None and job.run_after_s > now_s:
        return "scheduled"
    if job.state == "failed" and job.error is not None and job.error.get("code") in EXHAUSTED:
        return "dead"
    return job.state


def named(text: str) -> tuple[str, int | None]:
    """A name and its version of `name@3`; without one the newest."""
    name, separator, version = text.rpartition("@")
    return (name, int(version)) if separator and version.isascii() and version.isdigit() else (text, None)
