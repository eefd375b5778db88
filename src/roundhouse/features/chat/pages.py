"""Lists that are paged both ways: a page goes on behind a row, or ends in front of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.infra.paging import decode_cursor, encode_cursor

Row = TypeVar("Row")


class Turn(msgspec.Struct, frozen=True):
    """Which page is asked for.

    Attributes:
        cursor: `next_cursor` of the page before; None = the first page.
        before: `prev_cursor` of the page behind; at most one of the two.
        descending: The order of the list.
        limit: Most rows.
    """

    cursor: str | None = None
    before: str | None = None
    descending: bool = True
    limit: int = 50

    @property
    def place(self) -> str | None:
        """Where the page goes on or ends, as text inside the cursor.

        Raises:
            BadInput: The cursor is none of ours, or there are two.
        """
        if self.cursor is not None and self.before is not None:
            raise BadInput("A page goes on behind a place or ends before one, not both.", param="before")
        return decode_cursor(self.cursor if self.before is None else self.before, str)

    @property
    def rising(self) -> bool:
        """Whether the rows are to be read by rising sort key."""
        return self.descending == (self.before is not None)


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """A page, in the order of its list; a cursor is None where there is nothing."""

    rows: list[Row]
    next_cursor: str | None
    prev_cursor: str | None


def page_of(turn: Turn, found: list[Row], place: Callable[[Row], str]) -> Page[Row]:
    """The page of rows that were read.

    Args:
        turn: What was asked for.
        found: One row more than asked for where there are so many, in the order in which they were read, that is from
            the given place on.
        place: The text of a row's cursor.
    """
    rows, more = found[: turn.limit], len(found) > turn.limit
    started = turn.cursor is not None or turn.before is not None
    if turn.before is not None:
        rows.reverse()
    goes_on = more if turn.before is None else started
    has_earlier = started if turn.before is None else more
    return Page(
        rows,
        encode_cursor(place(rows[-1])) if rows and goes_on else None,
        encode_cursor(place(rows[0])) if rows and has_earlier else None,
    )


def time_place(at_s: float, row_id: str) -> str:
    """The place of a row in a list that is ordered by time, then id."""
    return f"{at_s!r} {row_id}"


def read_time_place(place: str) -> tuple[float, str]:
    """Time and id of a `time_place`; raises BadInput."""
    at, _, row_id = place.partition(" ")
    try:
        at_s = float(at)
    except ValueError:
        at_s = math.nan
    if not math.isfinite(at_s) or not row_id:
        raise BadInput("The cursor is not one of this list.", param="cursor")
    return at_s, row_id


def read_numbers_place(place: str) -> tuple[int, int]:
    """Both numbers of a place `branch:depth`; raises BadInput."""
    left, _, right = place.partition(":")
    for part in (left, right):
        if not (part.isascii() and part.isdigit() and len(part) <= 9):
            raise BadInput("The cursor is not one of this list.", param="cursor")
    return int(left), int(right)
