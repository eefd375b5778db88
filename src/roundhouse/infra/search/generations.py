"""Which generation of a kind's index is searched, and which one is being made.

Made anew is always a whole kind, beside the generation that is searched: a search goes on as if nothing happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.search.analyser import VERSION
from roundhouse.infra.search.rows import (
    search_changes,
    search_entries,
    search_fresh,
    search_kinds,
    search_postings,
    search_spaces,
)

_STEP_NUMBERS = 20_000
_STEP_ROWS = 5_000


class Kind(NamedTuple):
    """How a kind is indexed.

    Attributes:
        kind: Its name.
        version: Of the analyser that made what is searched.
        generation: What is searched.
        building: What is being made; None = nothing.
        after: Up to where.
        done: How many things that were.
        total: How many there were when it began.
    """

    kind: str
    version: int
    generation: int
    building: int | None
    after: str
    done: int
    total: int

    @property
    def all(self) -> tuple[int, ...]:
        """Generations that are told of changes."""
        return (self.generation,) if self.building is None else (self.generation, self.building)


_kinds = search_kinds.c
_KIND = sa.select(*(_kinds[name] for name in Kind._fields)).where(_kinds.kind == sa.bindparam("name"))

_LOCKED_KIND = _KIND.with_for_update()


async def find_kind(tx: Tx, kind: str, *, lock: bool = False) -> Kind | None:
    """How a kind is indexed; None = nothing of it ever was."""
    query = _LOCKED_KIND if lock else _KIND
    row = (await tx.execute(query, {"name": kind})).one_or_none()
    return None if row is None else Kind(*row)


async def all_kinds(tx: Tx) -> list[Kind]:
    """How each kind is indexed."""
    query = sa.select(*(_kinds[name] for name in Kind._fields)).order_by(_kinds.kind)
    return [Kind(*row) for row in await tx.execute(query)]


async def make_kind(tx: Tx, kind: str) -> Kind:
    """How a kind is indexed, from now on with this analyser where it is new."""
    found = await find_kind(tx, kind)
    if found is None:
        new = {"kind": kind, "version": VERSION, "generation": 1, "after": "", "done": 0, "total": 0}
        await tx.execute(insert_if_new(tx, search_kinds).values(**new))
        found = await find_kind(tx, kind)
    assert found is not None
    return found


async def change_kind(tx: Tx, kind: str, **changes: object) -> None:
    """Change how a kind is indexed."""
    await tx.execute(sa.update(search_kinds).where(_kinds.kind == kind).values(**changes))


async def spaces_of(tx: Tx, site_id: str, kind: str) -> list[int]:
    """The spaces of a tenant's kind, of all generations."""
    chosen = search_spaces.c.site_id == site_id, search_spaces.c.kind == kind
    found = await tx.execute(sa.select(search_spaces.c.space).where(*chosen))
    return sorted(int(space) for space in found.scalars())


async def outdated_space(tx: Tx, kinds: Sequence[str]) -> int | None:
    """A space of a generation that is searched no more."""
    query = (
        sa.select(search_spaces.c.space)
        .join(search_kinds, _kinds.kind == search_spaces.c.kind)
        .where(search_spaces.c.generation < _kinds.generation, _kinds.kind.in_(kinds))
    )
    found = (await tx.execute(query.order_by(search_spaces.c.space).limit(1))).scalar_one_or_none()
    return None if found is None else int(found)


async def drop_some(tx: Tx, space: int, after: int) -> int | None:
    """Delete a part of a space.

    Args:
        tx: A write transaction.
        space: One that nobody searches.
        after: Entries up to this number were deleted already; 0 = none.

    Returns:
        For the next part; None = all of it is gone.
    """
    numbers = search_entries.c.number
    if after == 0:
        first = sa.select(search_postings.c.term, search_postings.c.first_number).where(
            search_postings.c.space == space
        )
        rows = (await tx.execute(first.limit(_STEP_ROWS))).all()
        if rows:
            low, high = rows[0], rows[-1]
            key = sa.tuple_(search_postings.c.term, search_postings.c.first_number)
            between = key.between(sa.tuple_(*low), sa.tuple_(*high))
            await tx.execute(sa.delete(search_postings).where(search_postings.c.space == space, between))
            return 0
        await tx.execute(sa.delete(search_fresh).where(search_fresh.c.space == space))
    last = (await tx.execute(sa.select(sa.func.max(numbers)))).scalar_one() or 0
    if after < last:
        end = after + _STEP_NUMBERS
        within = numbers > after, numbers <= end, search_entries.c.space == space
        await tx.execute(sa.delete(search_entries).where(*within))
        return end
    await tx.execute(sa.delete(search_changes).where(search_changes.c.space == space))
    await tx.execute(sa.delete(search_spaces).where(search_spaces.c.space == space))
    return None
