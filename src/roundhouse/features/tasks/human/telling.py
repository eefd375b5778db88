"""The events of questions to people; they belong to the task, so that its stream is whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roundhouse.features.tasks.human.model import HumanRequest, Note
from roundhouse.infra.events.store import NewEvent
from roundhouse.infra.moments import moment

_TYPES = {
    "requested": "human.requested",
    "claimed": "human.claimed",
    "reassigned": "human.reassigned",
    "reminded": "human.reminded",
    "escalated": "human.escalated",
    "answered": "human.answered",
    "rejected": "human.answered",
    "expired": "human.expired",
    "cancelled": "human.expired",
}
_TOLD = ("to", "level", "default")


def events_of(request: HumanRequest, notes: Sequence[Note], now_s: float) -> list[NewEvent]:
    """What is told of these lines of a question's history; comments are between the people."""
    return [
        NewEvent(request.site_id, request.job_id, _TYPES[one.kind], _data(request, one), now_s)
        for one in notes
        if one.kind in _TYPES
    ]


def _data(request: HumanRequest, note: Note) -> dict[str, Any]:
    """Without the draft, the answer and the context: whoever may see them asks for the request."""
    data: dict[str, Any] = {
        "request_id": request.id,
        "job_id": request.job_id,
        "step": request.step,
        "flow": request.flow,
        "kind": request.kind,
        "title": request.title,
        "assignees": list(request.assignees),
        "channels": list(request.channels),
        "state": request.state,
        "due_at": moment(request.due_at_s).isoformat().replace("+00:00", "Z"),
        "by": note.who,
    }
    return data | {name: note.data[name] for name in _TOLD if name in note.data}
