"""What a reader of a format is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from roundhouse.features.knowledge.parsing.shapes import ParsingLimits, Tell
from roundhouse.features.knowledge.parsing.writing import BlockWriter


class Reading(msgspec.Struct, frozen=True):
    """One document while it is read.

    Attributes:
        path: Its file.
        name: For messages; never a path.
        content_type: What its bytes are.
        folder: Where pictures go.
        limits: On it.
        out: Takes its blocks.
        tell: Told how far it is.
        pages: As in `ParsingOrder`.
        nested: Reads a document inside this one, by its file and name; None = nothing inside this one is read.
    """

    path: Path
    name: str
    content_type: str
    folder: Path
    limits: ParsingLimits
    out: BlockWriter
    tell: Tell
    pages: bool = False
    nested: Callable[[Path, str], None] | None = None
