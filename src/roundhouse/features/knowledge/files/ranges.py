"""Which part of a content is asked for, and whether the asker has it already.

Source:
    RFC 9110 (2022), sections 13 (conditions) and 14 (ranges). Several ranges at once are answered with the whole, as
    section 14.2 allows.
"""

from __future__ import annotations

import re

_ONE = re.compile(r"bytes\s*=\s*(?P<first>[0-9]{0,19})\s*-\s*(?P<last>[0-9]{0,19})\s*", re.IGNORECASE)


class Unsatisfiable(Exception):
    """The part begins behind the end; never leaves this room."""


def part_of(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Start and end (excluded) of the wanted part; None = the whole.

    Args:
        header: `Range` of the request.
        size_bytes: Of the whole, at least 1.

    Raises:
        Unsatisfiable: Nothing of it lies within the content.
    """
    match = _ONE.fullmatch(header or "")
    if match is None or match["first"] == match["last"] == "":
        return None
    if match["first"] == "":
        length = int(match["last"])
        if length == 0:
            raise Unsatisfiable
        return max(0, size_bytes - length), size_bytes
    start = int(match["first"])
    if match["last"] and int(match["last"]) < start:
        return None
    if start >= size_bytes:
        raise Unsatisfiable
    return start, min(size_bytes, int(match["last"]) + 1) if match["last"] else size_bytes


def has_it(header: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names the content."""
    if header is None:
        return False
    named = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in named or etag in named


def may_be_part(header: str | None, etag: str) -> bool:
    """Whether `If-Range` allows a part; a date does not, for it says less than a tag."""
    return header is None or header.strip() == etag
