"""The SQL of the index; the same statements on both databases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.search.rows import search_changes, search_entries, search_postings, search_spaces
from roundhouse.infra.tenancy import visible

CHANGES = 64
"""A space is put in order when its journal has more rows than this,"""

NEW_ENTRIES = 256
"""or when more than so many entries are new."""

REMOVED = 1_000
"""Removed entries leave the postings when they are more than this, and at least a fifth of all."""

T = TypeVar("T")

SMALL_ROW = 128
"""Rows of so many postings are read together with the directory."""

_LOCK = 0x73656172  # "sear": any number, as long as every version uses the same
# SQLite takes so many parameters in one statement, PostgreSQL more.
_MOST_PARAMETERS = 10_000


class Row(NamedTuple):
    """A row of postings: `size` entries from number `first` to `last`; `data` is None where it was left out."""

    term: bytes
    first: int
    last: int
    size: int
    data: bytes | None


class Change(NamedTuple):
    """A row of the journal."""

    id: int
    entries: int
    words: int
    added: bytes
    removed: bytes


class Head(NamedTuple):
    """By what entries of the same score are put in order."""

    number: int
    at_s: float
    ref_id: str


class Text(NamedTuple):
    """What is shown of an entry."""

    number: int
    ref_id: str
    parent_id: str | None
    at_s: float
    text: str


class Properties(NamedTuple):
    """All from which the terms of an entry are made."""

    number: int
    user_id: str | None
    app_id: str | None
    parent_id: str | None
    role: str | None
    tags: list[str]
    text: str


_entries, _postings, _changes = search_entries.c, search_postings.c, search_changes.c
_SPACE = sa.select(search_spaces.c.space).where(
    search_spaces.c.site_id == sa.bindparam("site_id"), search_spaces.c.kind == sa.bindparam("kind")
)
_KNOWN = sa.select(_entries.number, _entries.space, _entries.length).where(
    _entries.kind == sa.bindparam("kind"), _entries.ref_id.in_(sa.bindparam("ref_ids", expanding=True))
)
_DELETE_ENTRIES = sa.delete(search_entries).where(
    _entries.number.in_(sa.bindparam("numbers", expanding=True))
)
_INSERT_ENTRIES = sa.insert(search_entries).returning(_entries.number, sort_by_parameter_order=True)
_INSERT_POSTINGS = sa.insert(search_postings)
_INSERT_CHANGE = sa.insert(search_changes)
_DIRECTORY = sa.select(
    _postings.term,
    _postings.first_number,
    _postings.last_number,
    _postings.count,
    sa.case((_postings.count <= SMALL_ROW, _postings.data), else_=sa.null()),
).where(_postings.space == sa.bindparam("space"), _postings.term.in_(sa.bindparam("terms", expanding=True)))
_DATA = sa.select(
    _postings.term, _postings.first_number, _postings.last_number, _postings.count, _postings.data
).where(
    _postings.space == sa.bindparam("space"),
    _postings.term == sa.bindparam("term"),
    _postings.first_number.in_(sa.bindparam("firsts", expanding=True)),
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
_DELETE_ROW = sa.delete(search_postings).where(
    _postings.space == sa.bindparam("of_space"),
    _postings.term == sa.bindparam("of_term"),
    _postings.first_number == sa.bindparam("of_first"),
)
_JOURNAL = (
    sa.select(_changes.id, _changes.entries, _changes.words, _changes.added, _changes.removed)
    .where(_changes.space == sa.bindparam("space"))
    .order_by(_changes.id)
)
_HEADS = sa.select(_entries.number, _entries.at_s, _entries.ref_id).where(
    _entries.number.in_(sa.bindparam("numbers", expanding=True))
)
_TEXTS = sa.select(_entries.number, _entries.ref_id, _entries.parent_id, _entries.at_s, _entries.text).where(
    _entries.number.in_(sa.bindparam("numbers", expanding=True))
)
_PROPERTIES = sa.select(
    _entries.number,
    _entries.user_id,
    _entries.app_id,
    _entries.parent_id,
    _entries.role,
    _entries.tags,
    _entries.text,
).where(_entries.number.in_(sa.bindparam("numbers", expanding=True)))


async def find_space(tx: Tx, site_id: str, kind: str) -> int | None:
    """The space of a kind of a tenant; None = nothing was ever indexed there."""
    number = (await tx.execute(_SPACE, {"site_id": site_id, "kind": kind})).scalar_one_or_none()
    return None if number is None else int(number)


async def make_space(tx: Tx, site_id: str, kind: str) -> int:
    """The space of a kind of a tenant, made when there is none."""
    space = await find_space(tx, site_id, kind)
    if space is None:
        await tx.execute(insert_if_new(tx, search_spaces).values(site_id=site_id, kind=kind))
        space = await find_space(tx, site_id, kind)
    assert space is not None
    return space


async def known(tx: Tx, kind: str, ref_ids: Sequence[str]) -> list[tuple[int, int, int]]:
    """Number, space and length of those that are indexed."""
    found: list[tuple[int, int, int]] = []
    for part in _parts(ref_ids):
        rows = await tx.execute(_KNOWN, {"kind": kind, "ref_ids": part})
        found += [(row.number, row.space, row.length) for row in rows]
    return sorted(found)


async def insert_entries(tx: Tx, rows: list[dict[str, Any]]) -> list[int]:
    """Enter entries; returns their numbers, which rise."""
    return [int(number) for number in (await tx.execute(_INSERT_ENTRIES, rows)).scalars()]


async def delete_entries(tx: Tx, numbers: Sequence[int]) -> None:
    """Forget entries, not yet their postings."""
    for part in _parts(numbers):
        await tx.execute(_DELETE_ENTRIES, {"numbers": part})


async def insert_postings(tx: Tx, space: int, rows: Iterable[Row]) -> None:
    """Write rows of postings; `data` must be there."""
    values = [
        {
            "space": space,
            "term": row.term,
            "first_number": row.first,
            "last_number": row.last,
            "count": row.size,
            "data": row.data,
        }
        for row in rows
    ]
    if values:
        await tx.execute(_INSERT_POSTINGS, values)


async def delete_postings(tx: Tx, space: int, rows: Iterable[Row]) -> None:
    """Delete rows of postings."""
    gone = [{"of_space": space, "of_term": row.term, "of_first": row.first} for row in rows]
    if gone:
        await tx.execute(_DELETE_ROW, gone)


async def insert_change(
    tx: Tx, space: int, entries: int, words: int, added: bytes = b"", removed: bytes = b""
) -> None:
    """Write what happened to a space into its journal."""
    values = {"space": space, "entries": entries, "words": words, "added": added, "removed": removed}
    await tx.execute(_INSERT_CHANGE, values)


async def journal(tx: Tx, space: int) -> list[Change]:
    """What happened to a space, the oldest first."""
    return [Change(*row) for row in await tx.execute(_JOURNAL, {"space": space})]


async def directory(tx: Tx, space: int, terms: Sequence[bytes]) -> list[Row]:
    """The rows of some terms, large ones without their data."""
    found: list[Row] = []
    for part in _parts(terms):
        found += [Row(*row) for row in await tx.execute(_DIRECTORY, {"space": space, "terms": part})]
    return found


async def rows_of(tx: Tx, space: int, terms: Sequence[bytes]) -> list[Row]:
    """The rows of some terms, with their data, in order."""
    rows = await tx.execute(_ROWS, {"space": space, "terms": terms})
    return sorted(Row(*row) for row in rows)


async def read_rows(tx: Tx, space: int, term: bytes, firsts: Sequence[int]) -> list[Row]:
    """Those rows of a term that are still there under these first numbers."""
    rows = await tx.execute(_DATA, {"space": space, "term": term, "firsts": firsts})
    return [Row(*row) for row in rows]


async def terms_between(tx: Tx, space: int, low: bytes, high: bytes, limit: int) -> list[bytes]:
    """The first terms from `low` on that are below `high`, in the order of their bytes."""
    bounds = {"space": space, "low": low, "high": high, "limit": limit}
    return [bytes(term) for term in (await tx.execute(_TERMS, bounds)).scalars()]


async def heads(tx: Tx, numbers: Sequence[int]) -> list[Head]:
    """Times and ids of entries; those that are no more are left out."""
    return [Head(*row) for part in _parts(numbers) for row in await tx.execute(_HEADS, {"numbers": part})]


async def texts(tx: Tx, caller: Caller, numbers: Sequence[int]) -> dict[int, Text]:
    """What is shown of entries that the caller may see, by number."""
    query = _TEXTS.where(visible(search_entries, caller))
    return {row.number: Text(*row) for row in await tx.execute(query, {"numbers": numbers})}


async def properties(tx: Tx, numbers: Sequence[int]) -> list[Properties]:
    """All of entries, whoever's they are: for the upkeep of the index, never for an answer."""
    return [
        Properties(*row)
        for part in _parts(numbers)
        for row in await tx.execute(_PROPERTIES, {"numbers": part})
    ]


async def untidy_space(tx: Tx, changes: int, numbers: int) -> int | None:
    """A space with more rows in its journal than `changes`, or with more than `numbers` new entries."""
    crowded = sa.or_(sa.func.count() > changes, sa.func.sum(sa.func.length(_changes.added)) > numbers * 8)
    query = sa.select(_changes.space).group_by(_changes.space).having(crowded).order_by(_changes.space)
    found = (await tx.execute(query.limit(1))).scalar_one_or_none()
    return None if found is None else int(found)


async def worn_space(tx: Tx, removed: int) -> int | None:
    """A space of whose postings so many are of entries that are no more, and at least a fifth."""
    gone = sa.func.sum(sa.func.length(_changes.removed))
    many = sa.and_(gone > removed * 8, gone > sa.func.sum(_changes.entries) * 2)
    query = sa.select(_changes.space).group_by(_changes.space).having(many).order_by(_changes.space)
    found = (await tx.execute(query.limit(1))).scalar_one_or_none()
    return None if found is None else int(found)


async def take_changes(tx: Tx, ids: Sequence[int]) -> list[Change]:
    """Take rows out of the journal; those that somebody else took are not among them."""
    taken: list[Change] = []
    for part in _parts(ids):
        gone = sa.delete(search_changes).where(_changes.id.in_(part))
        returned = gone.returning(
            _changes.id, _changes.entries, _changes.words, _changes.added, _changes.removed
        )
        taken += [Change(*row) for row in await tx.execute(returned)]
    return sorted(taken)


async def try_upkeep(tx: Tx, space: int) -> bool:
    """Whether this transaction may put postings of a space together; one at a time may."""
    if tx.dialect.name != "postgresql":
        return True
    locked = sa.func.pg_try_advisory_xact_lock(_LOCK, sa.cast(space % 2**31, sa.Integer))
    return bool((await tx.execute(sa.select(locked))).scalar_one())


def _parts(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (values[start : start + _MOST_PARAMETERS] for start in range(0, len(values), _MOST_PARAMETERS))
