"""Events of the task gateway."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, text

_CAPABILITY: Schema = fields(
    "capability_id name version",
    capability_id=text("The capability."),
    name=text("Its name."),
    version={"type": "integer", "minimum": 1, "description": "After the change."},
)

_NAMES: dict[str, Schema] = {
    "capability": text("What is to be done; a flow has `flow` instead."),
    "flow": text("Likewise."),
    "version": {"type": "integer", "minimum": 1, "description": "Of the capability or the flow."},
}
_STATES = ["queued", "running", "waiting", "completed", "failed", "dead", "cancelled"]
_ERROR: Schema = {"type": "object", "description": "`code` and `message`."}
_TASK: Schema = fields(
    "task_id state",
    task_id=text("The task."),
    state={"type": "string", "enum": _STATES},
    **_NAMES,
    progress={"type": "number", "minimum": 0, "maximum": 1, "description": "How much is done."},
    message=text("What it does just now."),
    error=_ERROR,
    run_s={"type": "number", "minimum": 0, "description": "Seconds of the last run."},
)
_STEP: Schema = fields(
    "task_id step n target error again",
    task_id=text("The task."),
    step=text("The step; `call` where the task is a single call."),
    n={"type": "integer", "minimum": 1, "description": "Number of the attempt within its step."},
    target=text("What was called, `name@version`."),
    error=_ERROR,
    again={"type": "boolean", "description": "Whether there will be another attempt."},
)


def _task(what: str, about: str, data: Schema = _TASK, *, often: bool = False) -> EventKind:
    return EventKind(f"task.{what}", about, "the task", "tasks", data, "named" if often else "always")


def _capability(what: str, about: str) -> EventKind:
    return EventKind(f"capability.{what}", about, "the capability", "capabilities", _CAPABILITY)


TASKS = (
    _task("created", "A task was accepted."),
    _task("started", "A run of a task began."),
    _task("progress", "How far a task is, at most four times a second.", often=True),
    _task("step_failed", "An attempt of a task failed.", _STEP),
    _task("completed", "A task has ended well."),
    _task("failed", "A task has failed, and another attempt would not help; `error` says why."),
    _task("dead", "A task has failed, and no attempt is left."),
    _task("cancelled", "A task was cancelled."),
    _capability("registered", "A capability was registered, or has a new version."),
    _capability("changed", "A capability was changed."),
    _capability("disabled", "A capability was switched off."),
    _capability("drifted", "What stands behind a capability is not what was registered any more."),
    _capability("removed", "A capability was removed."),
)
