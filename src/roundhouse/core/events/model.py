"""What is known of a type of event, and how patterns name types."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from roundhouse.core.errors import RoundhouseError

Sending = Literal["always", "named", "never"]
Schema = dict[str, Any]


class EventKind(msgspec.Struct, frozen=True):
    """One type of event.

    Attributes:
        type: `<noun>.<what>`, e.g. `job.completed`.
        about: What it tells, one sentence.
        topic: What its topic is the id of, e.g. `the job`.
        scope: What a caller must hold to be told of it; a part of `core.types.ALL_SCOPES`.
        data: JSON Schema (2020-12) of its data.
        sending: Whether webhooks are told: `always` when a pattern matches, `named` only to those that name the type
            itself, because there are many of them, `never` when it is news among processes or of every piece of a text.
    """

    type: str
    about: str
    topic: str
    scope: str
    data: Schema
    sending: Sending = "always"


class EventTable:
    """All types of events, by name.

    Args:
        kinds: They, each type once.
    """

    def __init__(self, *kinds: EventKind) -> None:
        self._kinds = {one.type: one for one in kinds}
        if len(self._kinds) < len(kinds):
            raise RoundhouseError("A type of event is described twice.")

    def __iter__(self) -> Any:
        return iter(self._kinds.values())

    def __contains__(self, kind: str) -> bool:
        return kind in self._kinds

    def __getitem__(self, kind: str) -> EventKind:
        return self._kinds[kind]

    def get(self, kind: str) -> EventKind | None:
        """What is known of a type, None = nothing."""
        return self._kinds.get(kind)

    def sent(self) -> list[EventKind]:
        """Those that webhooks may be told of, in the order of the table."""
        return [one for one in self._kinds.values() if one.sending != "never"]

    def matching(self, pattern: str) -> list[EventKind]:
        """Those that a pattern stands for: a type itself, or `*` for any text: `job.*`, `*.failed`, `*`."""
        return [
            one
            for one in self.sent()
            if one.type == pattern or (one.sending == "always" and fnmatchcase(one.type, pattern))
        ]


def fields(required: str = "", /, **properties: Schema) -> Schema:
    """The schema of an object.

    Args:
        required: Names of the members that are always there, with blanks.
        properties: Schemas of its members.
    """
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def text(about: str) -> Schema:
    """The schema of a text."""
    return {"type": "string", "description": about}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}
