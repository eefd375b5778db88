"""`docs/reference/events.md`, made from the table."""

from __future__ import annotations

from typing import Any

from roundhouse.core.events import EVENTS
from roundhouse.core.events.model import EventKind

_HEAD = """# Events

Made by `make docs` from `core/events`; do not edit.

Each event has a type, a number that rises, a tenant, the id of the thing that it happened to (its *subject*) and data.
How they are read as a stream: [jobs.md](../jobs.md#events); how they are sent and pulled:
[webhooks.md](../webhooks.md). *Scope* is what a reader, or the maker of a webhook, must hold (`admin` holds all).
*Sent* says whether webhooks are told: `always` = also to patterns such as `*`, `named` = to those that name the type
itself, `never` = such events stay in the house; those of `admin` are news among its processes. Members of the data in
**bold** are always there.
"""


def markdown() -> str:
    """The text of the page."""
    lines = [_HEAD, "| event | sent | scope | subject | what it tells | data |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(_row(kind) for kind in EVENTS)]) + "\n"


def _row(kind: EventKind) -> str:
    cells = (
        f"`{kind.type}`",
        kind.sending,
        f"`{kind.scope}`",
        kind.topic,
        kind.about,
        _members(kind.data),
    )
    return f"| {' | '.join(cells)} |"


def _members(schema: dict[str, Any]) -> str:
    needed = schema.get("required", ())
    return ", ".join(f"**`{name}`**" if name in needed else f"`{name}`" for name in schema["properties"])
