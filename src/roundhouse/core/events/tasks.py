"""Events of the task gateway."""

from __future__ import annotations

from roundhouse.core.events.model import EventKind, Schema, fields, text

_CAPABILITY: Schema = fields(
    "capability_id name version",
    capability_id=text("The capability."),
    name=text("Its name."),
    version={"type": "integer", "minimum": 1, "description": "After the change."},
)


def _capability(what: str, about: str) -> EventKind:
    return EventKind(f"capability.{what}", about, "the capability", "capabilities", _CAPABILITY)


TASKS = (
    _capability("registered", "A capability was registered, or has a new version."),
    _capability("changed", "A capability was changed."),
    _capability("disabled", "A capability was switched off."),
    _capability("drifted", "What stands behind a capability is not what was registered any more."),
    _capability("removed", "A capability was removed."),
)
