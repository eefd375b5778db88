"""Events of jobs: of every kind, of every room."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, nullable, text
from roundhouse.core.jobs import JOB_STATES

_JOB: Schema = fields(
    "job_id kind state stage progress message attempts",
    job_id=text("The job."),
    kind=text("What it does, e.g. `recording.process`."),
    state={"type": "string", "enum": list(JOB_STATES)},
    stage=nullable(text("The step that runs.")),
    progress={"type": "number", "minimum": 0, "maximum": 1, "description": "How much is done."},
    message=text("What it does just now."),
    attempts={"type": "integer", "minimum": 0, "description": "Runs that count against the most attempts."},
    waiting_for=text("The signal it waits for."),
    error={"type": "object", "description": "Why it failed."},
    run_s={"type": "number", "minimum": 0, "description": "Seconds of the last run."},
)


def _job(what: str, about: str) -> EventKind:
    return EventKind(f"job.{what}", about, "the job", "jobs:read", _JOB)


JOBS = (
    _job("queued", "A job was accepted, or is in the queue again."),
    _job("started", "A run of a job began."),
    EventKind("job.stage", "A stage is done and the next one begun.", "the job", "jobs:read", _JOB, "named"),
    EventKind(
        "job.progress",
        "How far a job is, at most four times a second.",
        "the job",
        "jobs:read",
        _JOB,
        "named",
    ),
    _job("waiting", "A job waits for what `waiting_for` says."),
    _job("cancel_requested", "The executor of a job was told to stop it."),
    _job("completed", "A job has ended well."),
    _job("failed", "A job has failed; `error` says why."),
    _job("cancelled", "A job was cancelled."),
)
