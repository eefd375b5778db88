"""What an import proposes, before anybody agreed to it."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from roundhouse.features.tasks.model import Example

Place = Literal["path", "query", "header", "body", "whole"]
"""Where a property of the input goes in the request: a member of the body, or the whole of it."""


class Proposed(msgspec.Struct, frozen=True):
    """A capability as its source describes it.

    Attributes:
        name: Full name, `<prefix>.<verb>`.
        operation: What the source calls it: `POST /solve`.
        title: One line.
        description: Markdown.
        tags: For filters.
        input_schema: JSON Schema 2020-12, an object.
        output_schema: JSON Schema 2020-12; None = not told.
        examples: Inputs to try.
        endpoint: Of the transport `http`.
        idempotent: Whether a call that was cut off may be repeated, by the rules of its method.
    """

    name: str
    operation: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    examples: tuple[Example, ...] = ()
    endpoint: dict[str, Any] = {}
    idempotent: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of all of it but what is prose, hex: another one means that the interface is another."""
        told = (self.input_schema, self.output_schema, self.endpoint, self.idempotent)
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


class Skipped(msgspec.Struct, frozen=True):
    """An operation of which no capability can be made, and why."""

    operation: str
    reason: str


class Proposal(msgspec.Struct, frozen=True):
    """All that a source proposes.

    Attributes:
        title: What the source calls itself.
        version: Its version, as it tells it.
        capabilities: By name.
        skipped: What was left out.
    """

    title: str
    version: str
    capabilities: tuple[Proposed, ...]
    skipped: tuple[Skipped, ...] = ()
