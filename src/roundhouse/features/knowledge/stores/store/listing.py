"""Pages of lists as OpenAI has them: behind an id, or before one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from roundhouse.infra.db import Tx

Row = TypeVar("Row")


class Listing(msgspec.Struct, frozen=True):
    """Which rows are listed.

    Attributes:
        limit: Most rows.
        newest_first: The order.
        after: Only behind this id in that order.
        before: Only before this id: of those the last ones.
    """

    limit: int
    newest_first: bool = True
    after: str | None = None
    before: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Rows in the order that was asked for, and whether there are more in the direction that was asked for."""

    rows: list[Any]
    has_more: bool


async def page_of(
    tx: Tx,
    query: sa.Select[Any],
    column: sa.Column[str],
    wanted: Listing,
    read: Callable[[Any], Row],
) -> Page:
    """A page of a query in the order of a column of ids, which sort by time."""
    backwards = wanted.before is not None and wanted.after is None
    descending = wanted.newest_first != backwards
    for place, behind in ((wanted.after, wanted.newest_first), (wanted.before, not wanted.newest_first)):
        if place is not None:
            query = query.where(column < place if behind else column > place)
    query = query.order_by(column.desc() if descending else column).limit(wanted.limit + 1)
    rows = [read(row) for row in (await tx.execute(query)).mappings()]
    page = rows[: wanted.limit]
    return Page(page[::-1] if backwards else page, len(rows) > wanted.limit)
