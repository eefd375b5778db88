"""Which generation of a kind's index is searched, and which one is being made.

Made anew is always a whole kind, beside the generation that is searched: a search goes on as if nothing happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.search.analyser import VERSION
from roundhouse.infra.search.postings import TIMES, unpack
from roundhouse.infra.search.rows import (
    search_changes,
    search_entries,
    search_fresh,
    search_kinds,
    search_postings,
    search_spaces,
)

_STEP_NUMBERS = 4_000
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


async def spaces_of(tx: Tx, site_id: str, kind: str, shelf: str | None = None) -> list[int]:
    """The spaces of a tenant's kind, of all generations; of one shelf, or of all."""
    chosen = [search_spaces.c.site_id == site_id, search_spaces.c.kind == kind]
    if shelf is not None:
        chosen.append(search_spaces.c.shelf == shelf)
    found = await tx.execute(sa.select(search_spaces.c.space).where(*chosen, search_spaces.c.generation > 0))
    return sorted(int(space) for space in found.scalars())


async def drop_shelf(tx: Tx, site_id: str, kind: str, shelf: str) -> None:
    """Make all entries of a shelf unfindable at once; whoever sweeps deletes them afterwards, in pieces.

    What is indexed there from now on stands on a new shelf of that name: the source must no longer have entries for it.

    Args:
        tx: A write transaction.
        site_id: Tenant.
        kind: Of `Entry.kind`.
        shelf: Of `Entry.shelf`; an unknown one is none.
    """
    spaces = search_spaces.c
    of_shelf = spaces.site_id == site_id, spaces.kind == kind, spaces.shelf == shelf, spaces.generation > 0
    # Its own number with the sign turned: a shelf of this name may be dropped again before this one is swept away.
    await tx.execute(sa.update(search_spaces).where(*of_shelf).values(generation=-spaces.space))


async def outdated_space(tx: Tx, kinds: Sequence[str]) -> int | None:
    """A space of a generation that is searched no more."""
    query = (
        sa.select(search_spaces.c.space)
        .join(search_kinds, _kinds.kind == search_spaces.c.kind)
        .where(search_spaces.c.generation < _kinds.generation, _kinds.kind.in_(kinds))
    )
    found = (await tx.execute(query.order_by(search_spaces.c.space).limit(1))).scalar_one_or_none()
    return None if found is None else int(found)


async def drop_some(tx: Tx, space: int) -> bool:
    """Delete a part of a space; False = all of it is gone.

    Args:
        tx: A write transaction.
        space: One that nobody searches.
    """
    postings, fresh = search_postings.c, search_fresh.c
    # Every entry stands in the list of times or is fresh: no other entries need be looked at.
    times = sa.select(postings.first_number, postings.count, postings.data).where(
        postings.space == space, postings.term == TIMES
    )
    row = (await tx.execute(times.order_by(postings.first_number).limit(1))).one_or_none()
    if row is not None:
        await _drop_entries(tx, space, unpack(TIMES, [tuple(row)]).numbers.tolist())
        its = postings.space == space, postings.term == TIMES, postings.first_number == row.first_number
        await tx.execute(sa.delete(search_postings).where(*its))
        return True
    numbers = sa.select(fresh.number).where(fresh.space == space).order_by(fresh.number).limit(_STEP_NUMBERS)
    some = list((await tx.execute(numbers)).scalars())
    if some:
        await _drop_entries(tx, space, some)
        await tx.execute(sa.delete(search_fresh).where(fresh.space == space, fresh.number.in_(some)))
        return True
    first = sa.select(postings.term, postings.first_number).where(postings.space == space)
    rows = (await tx.execute(first.order_by(postings.term, postings.first_number).limit(_STEP_ROWS))).all()
    if rows:
        key = sa.tuple_(postings.term, postings.first_number)
        between = key.between(sa.tuple_(*rows[0]), sa.tuple_(*rows[-1]))
        await tx.execute(sa.delete(search_postings).where(postings.space == space, between))
        return True
    # Whoever puts rows together just now holds the space: what comes of it is gone with the statement after.
    await tx.execute(sa.delete(search_spaces).where(search_spaces.c.space == space))
    await tx.execute(sa.delete(search_postings).where(postings.space == space))
    await tx.execute(sa.delete(search_changes).where(search_changes.c.space == space))
    return False


async def _drop_entries(tx: Tx, space: int, numbers: Sequence[int]) -> None:
    its = search_entries.c.number.in_(numbers), search_entries.c.space == space
    await tx.execute(sa.delete(search_entries).where(*its))
