"""Events of flows, of the people they ask, and of breakers."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, text

_FLOW: Schema = fields(
    "flow_id name version deleted",
    flow_id=text("The flow."),
    name=text("Its name."),
    version={"type": "integer", "minimum": 1, "description": "Its newest version."},
    deleted={"type": "boolean"},
)
_FALLBACK: Schema = fields(
    "task_id flow from to target",
    task_id=text("The task."),
    flow=text("Name of its flow."),
    **{"from": text("The step that failed."), "class": text("Why: the class of its error.")},
    to=text("The step that is tried instead."),
    target=text("What that one calls."),
)
_REQUEST: Schema = fields(
    "request_id job_id step flow kind title assignees channels state due_at by",
    request_id=text("The request; what is asked and answered is told to who may see it, there."),
    job_id=text("The task."),
    step=text("Its step."),
    flow=text("Name of its flow."),
    kind={"type": "string", "enum": ["approve", "edit", "answer", "choose", "do"]},
    title=text("One line."),
    assignees={"type": "array", "items": {"type": "string"}, "description": "Who is asked; empty = anybody."},
    channels={"type": "array", "items": {"type": "string"}, "description": "Where it is to be told."},
    state=text("Where it stands."),
    due_at={"type": "string", "format": "date-time"},
    by=text("Who did it; `clock` and `timeout` = time did."),
    to={"type": "array", "items": {"type": "string"}, "description": "Who is asked now."},
    level={"type": "integer", "description": "How often it was escalated."},
    default={"type": "boolean", "description": "Whether the flow's default was taken for an answer."},
)
_BREAKER: Schema = fields(
    "breaker_id target calls failures",
    breaker_id=text("The breaker."),
    target=text("The capability."),
    calls={"type": "integer", "description": "In the last minute."},
    failures={"type": "integer", "description": "Of them."},
)


def _human(what: str, about: str) -> EventKind:
    return EventKind(f"human.{what}", about, "the task", "human", _REQUEST)


FLOWS = (
    EventKind("flow.updated", "A flow was kept, changed or deleted.", "the flow", "flows", _FLOW),
    EventKind("task.fallback", "A flow went on to a backup.", "the task", "tasks", _FALLBACK),
    _human("requested", "A person is asked."),
    _human("claimed", "A person works on it."),
    _human("reassigned", "Others are asked instead."),
    _human("reminded", "It is still to be answered."),
    _human("escalated", "Further people are asked."),
    _human("answered", "It was answered, or rejected; `state` says which."),
    _human("expired", "Nobody answered in time, or the task has ended."),
    EventKind(
        "breaker.opened", "A capability failed too often and is left alone.", "the breaker", "flows", _BREAKER
    ),
    EventKind("breaker.closed", "A capability answers again.", "the breaker", "flows", _BREAKER),
)
