"""The SQL of the index; the same statements on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.search.fresh import FreshRow
from roundhouse.infra.search.postings import Row
from roundhouse.infra.search.rows import (
    search_changes,
    search_entries,
    search_fresh,
    search_kinds,
    search_postings,
    search_spaces,
)
from roundhouse.infra.tenancy import visible, visible_to, who

T = TypeVar("T")

SMALL_ROW = 128
"""Rows of so many postings are read together with the directory."""

# SQLite takes so many parameters in one statement, PostgreSQL more.
_MOST_PARAMETERS = 10_000
_LARGEST = 2**31 - 1


class Known(NamedTuple):
    """An entry that is indexed: its number, its space, the words of its text, what it is of."""

    number: int
    space: int
    length: int
    ref_id: str


class Change(NamedTuple):
    """A row of the journal."""

    id: int
    entries: int
    words: int
    removed: bytes


class Head(NamedTuple):
    """By what entries of the same score are put in order."""

    number: int
    at_s: float
    ref_id: str


class Label(NamedTuple):
    """What is told of an entry."""

    number: int
    ref_id: str
    parent_id: str | None
    at_s: float


class Text(NamedTuple):
    """What is shown of an entry."""

    number: int
    ref_id: str
    parent_id: str | None
    at_s: float
    text: str


_entries, _postings, _changes, _fresh = (
    search_entries.c,
    search_postings.c,
    search_changes.c,
    search_fresh.c,
)
_SPACE = (
    sa.select(search_spaces.c.space)
    .join(
        search_kinds,
        sa.and_(
            search_kinds.c.kind == search_spaces.c.kind,
            search_kinds.c.generation == search_spaces.c.generation,
        ),
    )
    .where(
        search_spaces.c.site_id == sa.bindparam("site_id"),
        search_spaces.c.kind == sa.bindparam("kind"),
        search_spaces.c.shelf == sa.bindparam("shelf"),
    )
)
# Whoever drops the shelf waits for those who write into it, and they for him.
_SPACE_OF = (
    sa.select(search_spaces.c.space)
    .where(
        search_spaces.c.site_id == sa.bindparam("site_id"),
        search_spaces.c.kind == sa.bindparam("kind"),
        search_spaces.c.shelf == sa.bindparam("shelf"),
        search_spaces.c.generation == sa.bindparam("generation"),
    )
    .with_for_update(read=True, key_share=True)
)
_KNOWN = (
    sa.select(_entries.number, _entries.space, _entries.length, _entries.ref_id)
    .join(search_spaces, search_spaces.c.space == _entries.space)
    .where(
        search_spaces.c.kind == sa.bindparam("kind"),
        _entries.ref_id.in_(sa.bindparam("ref_ids", expanding=True)),
    )
)
_LAST_NUMBER = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'search_entries'")
_NEXT_NUMBERS = sa.text(
    "SELECT nextval(pg_get_serial_sequence('search_entries', 'number')) FROM generate_series(1, :count)"
)
_DELETE_ENTRIES = sa.delete(search_entries).where(
    _entries.number.in_(sa.bindparam("numbers", expanding=True))
)
_INSERT_ENTRIES = sa.insert(search_entries)
_INSERT_FRESH = sa.insert(search_fresh)
_INSERT_POSTINGS_ROWS = (
    "INSERT INTO search_postings (space, term, first_number, last_number, count, data) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_INSERT_POSTINGS_ARRAYS = (
    "INSERT INTO search_postings (space, term, first_number, last_number, count, data) SELECT %s, * "
    "FROM unnest(%b::bytea[], %s::bigint[], %s::bigint[], %s::int[], %b::bytea[])"
)
_DELETE_POSTINGS_ROWS = "DELETE FROM search_postings WHERE space = ? AND term = ? AND first_number = ?"
_DELETE_POSTINGS_ARRAYS = (
    "DELETE FROM search_postings AS one USING unnest(%b::bytea[], %s::bigint[]) AS gone (term, first_number) "
    "WHERE one.space = %s AND one.term = gone.term AND one.first_number = gone.first_number"
)
_INSERT_CHANGE = sa.insert(search_changes)
_DIRECTORY = (
    "SELECT term, first_number, last_number, count, CASE WHEN count <= {small} THEN data END "
    "FROM search_postings WHERE space = {place} AND count <= {place} AND term {among}"
)
_DATA = sa.select(
    _postings.term, _postings.first_number, _postings.last_number, _postings.count, _postings.data
).where(
    _postings.space == sa.bindparam("space"),
    _postings.term == sa.bindparam("term"),
    _postings.first_number.in_(sa.bindparam("firsts", expanding=True)),
)
# The planner of SQLite looks a list of pairs up in the whole space, a table of them in the key.
_READ_PAIRS_ROWS = (
    "WITH wanted (term, first_number) AS (VALUES {pairs}) "
    "SELECT one.term, one.first_number, one.last_number, one.count, one.data "
    "FROM wanted CROSS JOIN search_postings AS one "
    "WHERE one.space = ? AND one.term = wanted.term AND one.first_number = wanted.first_number"
)
_READ_PAIRS_ARRAYS = (
    "SELECT one.term, one.first_number, one.last_number, one.count, one.data "
    "FROM unnest(%b::bytea[], %s::bigint[]) AS wanted (term, first_number) "
    "JOIN search_postings AS one ON one.space = %s AND one.term = wanted.term "
    "AND one.first_number = wanted.first_number"
)
_ROWS = sa.select(
    _postings.term, _postings.first_number, _postings.last_number, _postings.count, _postings.data
).where(_postings.space == sa.bindparam("space"), _postings.term.in_(sa.bindparam("terms", expanding=True)))
_TERMS = (
    sa.select(_postings.term)
    .where(
        _postings.space == sa.bindparam("space"),
        _postings.term >= sa.bindparam("low"),
        _postings.term < sa.bindparam("high"),
    )
    .distinct()
    .order_by(_postings.term)
    .limit(sa.bindparam("limit"))
)
_SCATTERED = (
    sa.select(_postings.term)
    .where(
        _postings.space == sa.bindparam("space"),
        _postings.term > sa.bindparam("after"),
        _postings.count <= sa.bindparam("largest"),
    )
    .group_by(_postings.term)
    .having(sa.func.count() >= sa.bindparam("rows"))
    .order_by(_postings.term)
    .limit(sa.bindparam("limit"))
)
_JOURNAL = (
    sa.select(_changes.id, _changes.entries, _changes.words, _changes.removed)
    .where(_changes.space == sa.bindparam("space"))
    .order_by(_changes.id)
)
_JOURNAL_SIZE = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(_changes.entries), 0),
    sa.func.coalesce(sa.func.sum(sa.func.length(_changes.removed)), 0),
).where(_changes.space == sa.bindparam("space"))
_HEADS = sa.select(_entries.number, _entries.at_s, _entries.ref_id).where(
    _entries.number.in_(sa.bindparam("numbers", expanding=True))
)
_TEXTS = sa.select(_entries.number, _entries.ref_id, _entries.parent_id, _entries.at_s, _entries.text).where(
    _entries.number.in_(sa.bindparam("numbers", expanding=True))
)
# One parameter, not one for each number: to write those into the statement costs more than to carry it out.
_LABELS = {
    dialect: sa.select(_entries.number, _entries.ref_id, _entries.parent_id, _entries.at_s).where(
        sa.text(among), visible_to(search_entries)
    )
    for dialect, among in (
        ("sqlite", "number IN (SELECT value FROM json_each(:numbers))"),
        ("postgresql", "number = ANY(CAST(:numbers AS bigint[]))"),
    )
}
_FRESH = sa.select(_fresh.number, _fresh.length, _fresh.at_s, _fresh.data).where(
    _fresh.space == sa.bindparam("space")
)
_OLDEST_FRESH = _FRESH.order_by(_fresh.number).limit(sa.bindparam("most"))
_FRESH_SIZE = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.length(_fresh.data)), 0)).where(
    _fresh.space == sa.bindparam("space")
)
_LOCKED_FRESH = (
    sa.select(_fresh.number)
    .where(_fresh.space == sa.bindparam("space"), _fresh.number.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(_fresh.number)
    .with_for_update()
)
_DELETE_FRESH = sa.delete(search_fresh).where(
    _fresh.space == sa.bindparam("space"), _fresh.number.in_(sa.bindparam("numbers", expanding=True))
)
_TURN = (
    sa.update(search_spaces)
    .where(search_spaces.c.space == sa.bindparam("of_space"))
    .values(turn=search_spaces.c.turn + 1)
    .returning(search_spaces.c.turn)
)


async def find_space(tx: Tx, site_id: str, kind: str, shelf: str = "") -> int | None:
    """The space of a shelf that is searched; None = nothing was ever indexed there."""
    named = {"site_id": site_id, "kind": kind, "shelf": shelf}
    number = (await tx.execute(_SPACE, named)).scalar_one_or_none()
    return None if number is None else int(number)


async def make_space(tx: Tx, site_id: str, kind: str, shelf: str, generation: int) -> int:
    """The space of a shelf in a generation, made when there is none."""
    named = {"site_id": site_id, "kind": kind, "shelf": shelf, "generation": generation}
    while (space := (await tx.execute(_SPACE_OF, named)).scalar_one_or_none()) is None:
        # Again, if somebody else made it and it was dropped at once.
        await tx.execute(insert_if_new(tx, search_spaces).values(turn=0, **named))
    return int(space)


async def known(tx: Tx, kind: str, ref_ids: Sequence[str]) -> list[Known]:
    """Those that are indexed, in whichever spaces."""
    found: list[Known] = []
    for part in _parts(ref_ids):
        found += [Known(*row) for row in await tx.execute(_KNOWN, {"kind": kind, "ref_ids": part})]
    return sorted(found)


async def reserve_numbers(tx: Tx, count: int) -> list[int]:
    """Numbers for new entries, rising, that nobody else gets."""
    if tx.dialect.name == "postgresql":
        return sorted(int(one) for one in (await tx.execute(_NEXT_NUMBERS, {"count": count})).scalars())
    # A write transaction of SQLite is alone.
    last = (await tx.execute(_LAST_NUMBER)).scalar_one_or_none() or 0
    return list(range(last + 1, last + 1 + count))


async def insert_entries(tx: Tx, rows: list[dict[str, Any]]) -> None:
    """Enter entries under their numbers."""
    await tx.execute(_INSERT_ENTRIES, rows)


async def delete_entries(tx: Tx, numbers: Sequence[int]) -> None:
    """Forget entries, not yet their postings."""
    for part in _parts(numbers):
        await tx.execute(_DELETE_ENTRIES, {"numbers": part})


async def insert_fresh(tx: Tx, space: int, rows: Iterable[FreshRow]) -> None:
    """Enter the terms of entries."""
    await tx.execute(_INSERT_FRESH, [{"space": space, **row._asdict()} for row in rows])


async def fresh(tx: Tx, space: int, limit: int | None = None) -> list[FreshRow]:
    """The terms of entries that are in no postings; with a limit, the oldest."""
    query = _FRESH if limit is None else _OLDEST_FRESH
    rows = await tx.execute(query, {"space": space, **({} if limit is None else {"most": limit})})
    return _all(FreshRow, rows)


async def fresh_size(tx: Tx, space: int) -> tuple[int, int]:
    """How many entries of a space are in no postings, and how many bytes their terms have."""
    count, size_bytes = (await tx.execute(_FRESH_SIZE, {"space": space})).one()
    return int(count), int(size_bytes)


async def delete_fresh(tx: Tx, space: int, numbers: Sequence[int]) -> set[int]:
    """Forget the terms of those that are in no postings; which they were."""
    gone: set[int] = set()
    for part in _parts(numbers):
        named = {"space": space, "numbers": part}
        # In order, so that two that do so do not wait for one another.
        there = set((await tx.execute(_LOCKED_FRESH, named)).scalars())
        if there:
            await tx.execute(_DELETE_FRESH, {"space": space, "numbers": sorted(there)})
        gone |= there
    return gone


async def next_turn(tx: Tx, space: int) -> int:
    """Count that entries become postings; others who do so in this space wait until the transaction ends."""
    return int((await tx.execute(_TURN, {"of_space": space})).scalar_one())


async def lock_space(tx: Tx, space: int) -> bool:
    """Keep away those by whom entries become postings and those who drop the space; False = it was dropped."""
    there = _TURN.where(search_spaces.c.generation >= 0)
    return (await tx.execute(there, {"of_space": space})).scalar_one_or_none() is not None


async def insert_postings(tx: Tx, space: int, rows: Sequence[Row]) -> None:
    """Write rows of postings; `data` must be there."""
    # A message has hundreds of them: the drivers are told directly, without a dictionary for each.
    for start in range(0, len(rows), _MOST_PARAMETERS):
        part = rows[start : start + _MOST_PARAMETERS]
        if tx.dialect.name == "postgresql":
            columns = tuple(list(column) for column in zip(*part, strict=True))
            await tx.exec_driver_sql(_INSERT_POSTINGS_ARRAYS, (space, *columns))
        else:
            await tx.exec_driver_sql(_INSERT_POSTINGS_ROWS, [(space, *row) for row in part])


async def delete_postings(tx: Tx, space: int, rows: Sequence[Row]) -> None:
    """Delete rows of postings."""
    for start in range(0, len(rows), _MOST_PARAMETERS):
        part = rows[start : start + _MOST_PARAMETERS]
        if tx.dialect.name == "postgresql":
            terms, firsts = [row.term for row in part], [row.first for row in part]
            await tx.exec_driver_sql(_DELETE_POSTINGS_ARRAYS, (terms, firsts, space))
        else:
            await tx.exec_driver_sql(_DELETE_POSTINGS_ROWS, [(space, row.term, row.first) for row in part])


async def insert_change(tx: Tx, space: int, entries: int, words: int, removed: bytes = b"") -> None:
    """Write what happened to a space into its journal."""
    values = {"space": space, "entries": entries, "words": words, "removed": removed}
    await tx.execute(_INSERT_CHANGE, values)


async def journal(tx: Tx, space: int) -> list[Change]:
    """What happened to a space, the oldest first."""
    return [Change(*row) for row in await tx.execute(_JOURNAL, {"space": space})]


async def directory(tx: Tx, space: int, terms: Sequence[bytes], largest: int | None = None) -> list[Row]:
    """The rows of some terms, large ones without their data.

    Args:
        tx: Any transaction.
        space: Which space.
        terms: Which terms.
        largest: Only rows of at most so many postings.
    """
    most = _LARGEST if largest is None else largest
    found: list[Row] = []
    for part in _parts(terms):
        if tx.dialect.name == "postgresql":
            statement = _DIRECTORY.format(small=SMALL_ROW, place="%s", among="= ANY(%b::bytea[])")
            rows = await tx.exec_driver_sql(statement, (space, most, list(part)))
        else:
            some = _padded(part, b"")
            statement = _DIRECTORY.format(
                small=SMALL_ROW, place="?", among=f"IN ({', '.join('?' * len(some))})"
            )
            rows = await tx.exec_driver_sql(statement, (space, most, *some))
        found += _all(Row, rows)
    return found


async def journal_size(tx: Tx, space: int) -> tuple[int, int, int]:
    """How many rows the journal of a space has, how many entries are there, how many were removed."""
    changes, entries, removed_bytes = (await tx.execute(_JOURNAL_SIZE, {"space": space})).one()
    return int(changes), int(entries), int(removed_bytes) // 8


async def rows_of(tx: Tx, space: int, terms: Sequence[bytes]) -> list[Row]:
    """The rows of some terms, with their data, in order."""
    rows = await tx.execute(_ROWS, {"space": space, "terms": terms})
    return sorted(Row(*row) for row in rows)


async def read_rows(tx: Tx, space: int, term: bytes, firsts: Sequence[int]) -> list[Row]:
    """Those rows of a term that are still there under these first numbers."""
    rows = await tx.execute(_DATA, {"space": space, "term": term, "firsts": firsts})
    return _all(Row, rows)


async def read_pairs(tx: Tx, space: int, pairs: Sequence[tuple[bytes, int]]) -> list[Row]:
    """Rows of many terms, those that are still there: named by term and first number."""
    found: list[Row] = []
    for part in _parts(pairs):
        if tx.dialect.name == "postgresql":
            terms, firsts = [term for term, _first in part], [first for _term, first in part]
            rows = await tx.exec_driver_sql(_READ_PAIRS_ARRAYS, (terms, firsts, space))
        else:
            some = _padded(part, (b"", 0))
            statement = _READ_PAIRS_ROWS.format(pairs=", ".join(["(?, ?)"] * len(some)))
            named = (*chain.from_iterable(some), space)
            rows = await tx.exec_driver_sql(statement, named)
        found += _all(Row, rows)
    return found


async def terms_between(tx: Tx, space: int, low: bytes, high: bytes, limit: int) -> list[bytes]:
    """The first terms from `low` on that are below `high`, in the order of their bytes."""
    bounds = {"space": space, "low": low, "high": high, "limit": limit}
    return [bytes(term) for term in (await tx.execute(_TERMS, bounds)).scalars()]


async def scattered(tx: Tx, space: int, after: bytes, largest: int, rows: int, limit: int) -> list[bytes]:
    """The first terms behind `after` that have at least so many rows of at most `largest` entries."""
    named = {"space": space, "after": after, "largest": largest, "rows": rows, "limit": limit}
    return [bytes(term) for term in (await tx.execute(_SCATTERED, named)).scalars()]


async def heads(tx: Tx, numbers: Sequence[int]) -> list[Head]:
    """Times and ids of entries; those that are no more are left out."""
    found: list[Head] = []
    for part in _parts(numbers):
        found += _all(Head, await tx.execute(_HEADS, {"numbers": part}))
    return found


async def in_order(tx: Tx, caller: Caller, points: dict[int, float]) -> list[tuple[Label, float]]:
    """Entries that the caller may see, and their scores, the best first; of equal ones the newest, then by id."""
    numbers: Any = list(points)
    if tx.dialect.name == "sqlite":
        numbers = json.dumps(numbers)
    rows = await tx.execute(_LABELS[tx.dialect.name], {"numbers": numbers, **who(caller)})
    found = _all(Label, rows)
    found.sort(key=lambda one: (-points[one.number], -one.at_s, one.ref_id))
    return [(one, points[one.number]) for one in found]


async def texts(tx: Tx, caller: Caller, numbers: Sequence[int]) -> dict[int, Text]:
    """What is shown of entries that the caller may see, by number."""
    query = _TEXTS.where(visible(search_entries, caller))
    return {one.number: one for one in _all(Text, await tx.execute(query, {"numbers": numbers}))}


async def take_changes(tx: Tx, ids: Sequence[int]) -> list[Change]:
    """Take rows out of the journal; those that somebody else took are not among them."""
    taken: list[Change] = []
    for part in _parts(ids):
        gone = sa.delete(search_changes).where(_changes.id.in_(part))
        returned = gone.returning(_changes.id, _changes.entries, _changes.words, _changes.removed)
        taken += [Change(*row) for row in await tx.execute(returned)]
    return sorted(taken)


def _all(shape: Callable[..., T], rows: sa.Result[Any]) -> list[T]:
    # At once: one by one each row costs more than all that is done with it.
    return [shape(*row) for row in rows.all()]


def _padded(values: Sequence[T], nothing: T) -> list[T]:
    """With values that find nothing up to the next power of two: a statement of another length is read anew."""
    return [*values, *[nothing] * ((1 << (len(values) - 1).bit_length()) - len(values))]


def _parts(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (values[start : start + _MOST_PARAMETERS] for start in range(0, len(values), _MOST_PARAMETERS))
