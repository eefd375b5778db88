"""Keeping the index small and fast: fresh entries become postings, small rows few large ones, removed entries leave.

What a search finds does not depend on when this happens; only, words of removed entries count as a little more common
until they leave. Every step is a transaction of its own that changes how the index lies, never what it says; whoever is
killed between two of them, or works beside another process, does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

import numpy as np

from roundhouse.infra.db import Database, Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.fresh import FreshRow, unpack_row
from roundhouse.infra.search.postings import (
    FILTER,
    MAX_ROW,
    MAX_SPAN,
    TIME,
    Columns,
    Document,
    Row,
    cut,
    put_together,
    rows_of,
    unpack,
    unpack_numbers,
)
from roundhouse.infra.search.ranking import difference

CHANGES = 64
"""Most rows of a space's journal."""

FRESH_ENTRIES = 512
"""Most fresh entries of a space."""

FRESH_BYTES = 512 * 1024
"""Most that their terms have together."""

REMOVED = 1_000
"""Removed entries leave the postings when they are more than this, and at least a fifth of all."""

_STEP_TERMS = 256
# A step of fresh entries has so many different terms, and a few more: SQLite's other writers wait for it.
_STEP_ROWS = 8_000
# A term's rows are put together at every so manieth turn of its space,
_TURNS = 16
# and at each where it comes with so many entries: questions have such words, and they are few.
_COMMON = 16
# A row is put together with the one before it unless that is so many times as large: so each posting is written
# again only when the row it stands in grows by half.
_GROWTH = 2
# Larger rows are left as they are.
_GROWN = MAX_ROW // 2
# A space is packed when so many entries, and such a share of all, were written since.
_PACK_ENTRIES = 2_000
_PACK_SHARE = 8
# Of a term with so many rows.
_PACK_ROWS = 3


async def tidy(
    db: Database, space: int, *, changes: int = CHANGES, fresh: int = FRESH_ENTRIES, removed: int = REMOVED
) -> bool:
    """Do one piece of the work in a space; False when there was nothing to do.

    Args:
        db: The database.
        space: Which.
        changes: See `CHANGES`.
        fresh: See `FRESH_ENTRIES`; 0 leaves nothing undone.
        removed: See `REMOVED`.

    Raises:
        StorageUnavailable: The database does not answer.
        StorageFull: No space left.
    """
    async with db.read() as tx:
        rows, entries, gone = await store.journal_size(tx, space)
        many, size_bytes = await store.fresh_size(tx, space)
    if many > fresh or size_bytes > FRESH_BYTES:
        await _settle_oldest(db, space)
    elif gone > removed and gone * 4 > entries:
        await purge(db, space)
    elif rows > changes:
        await _shorten(db, space)
    else:
        return False
    return True


async def settle(tx: Tx, space: int, documents: Sequence[Document]) -> None:
    """Write documents into the postings of a space.

    Some terms have their turn each time: their rows are put together like the digits of a number, each at least twice
    as large as the next, so that they are few.

    Args:
        tx: A write transaction.
        space: Which.
        documents: In the order of their numbers; none of them is in the postings.
    """
    await _settle(tx, space, await asyncio.to_thread(rows_of, documents))


async def _settle(tx: Tx, space: int, new: Sequence[Row]) -> None:
    turn = await store.next_turn(tx, space)
    due = {row.term for row in new if row.size >= _COMMON or crc32(row.term) % _TURNS == turn % _TURNS}
    known = await store.directory(tx, space, sorted(due), _GROWN)
    groups = _groups([*known, *(row for row in new if row.term in due and row.size <= _GROWN)], _GROWTH)
    await _put_together(tx, space, groups, known, new)


async def _put_together(
    tx: Tx, space: int, groups: Sequence[list[Row]], known: Sequence[Row], new: Sequence[Row]
) -> None:
    """Write rows: of each group one, and those of `new` that are in no group; `known` are there already."""
    await _fill(tx, space, groups)
    merged = await asyncio.to_thread(_merged, groups)
    moved = {(row.term, row.first) for group in groups for row in group}
    await store.delete_postings(tx, space, [row for row in known if (row.term, row.first) in moved])
    left = [row for row in new if (row.term, row.first) not in moved]
    await store.insert_postings(tx, space, sorted(left + merged))


async def is_scattered(db: Database, space: int, written: int) -> bool:
    """Whether a space should be packed.

    Args:
        db: The database.
        space: Which.
        written: Entries written since that was done last.
    """
    if written < _PACK_ENTRIES:
        return False
    async with db.read() as tx:
        _rows, entries, _gone = await store.journal_size(tx, space)
    return written * _PACK_SHARE >= entries


async def pack(db: Database, space: int) -> None:
    """Put all rows of each term together, as after much was written: questions are then answered from few rows.

    Steps of so many terms, each a transaction of its own; who is cut off leaves the others for the next time.
    """
    after = b""
    while True:
        async with db.read() as tx:
            terms = await store.scattered(tx, space, after, _GROWN, _PACK_ROWS, _STEP_TERMS)
        if terms:
            async with db.begin() as tx:
                # Nobody else may put these rows together meanwhile, nor drop the space.
                if not await store.lock_space(tx, space):
                    return
                known = await store.directory(tx, space, terms)
                await _put_together(tx, space, _groups(known, MAX_ROW), known, [])
        if len(terms) < _STEP_TERMS:
            return
        after = terms[-1]


async def _settle_oldest(db: Database, space: int) -> None:
    async with db.read() as tx:
        oldest = await store.fresh(tx, space, FRESH_ENTRIES)
    documents, rows = await asyncio.to_thread(_step_of, oldest)
    numbers = {one.number for one in documents}
    async with db.begin() as tx:
        taken = await store.delete_fresh(tx, space, sorted(numbers))
        if taken != numbers:
            # Others removed some meanwhile, or were faster.
            rows = rows_of([one for one in documents if one.number in taken]) if taken else []
        if rows:
            await _settle(tx, space, rows)


def _step_of(fresh: Sequence[FreshRow]) -> tuple[list[Document], list[Row]]:
    documents: list[Document] = []
    terms: set[bytes] = set()
    for row in fresh:
        documents.append(unpack_row(row))
        terms.update(documents[-1].terms)
        if len(terms) > _STEP_ROWS:
            break
    return documents, rows_of(documents) if documents else []


async def _shorten(db: Database, space: int) -> None:
    """Make one row of a journal of many."""
    async with db.read() as tx:
        known = [change.id for change in await store.journal(tx, space)]
    async with db.begin() as tx:
        gone = await store.take_changes(tx, known)
        if gone:
            entries, words = sum(one.entries for one in gone), sum(one.words for one in gone)
            removed = b"".join(one.removed for one in gone)
            await store.insert_change(tx, space, entries, words, removed=removed)


async def purge(db: Database, space: int) -> None:
    """Take the postings of removed entries out of a space: a walk over all its terms."""
    async with db.read() as tx:
        known = [change for change in await store.journal(tx, space) if change.removed]
    removed = sorted({number for change in known for number in unpack_numbers(change.removed)})
    gone = np.array(removed, np.int64)
    after = b""
    while True:
        async with db.begin() as tx:
            # Nobody else may put these rows together meanwhile.
            await store.next_turn(tx, space)
            terms = await store.terms_between(tx, space, after, b"\xff", _STEP_TERMS)
            rows = await store.rows_of(tx, space, terms)
            old, new = await asyncio.to_thread(_without, rows, gone)
            await store.delete_postings(tx, space, old)
            await store.insert_postings(tx, space, new)
        if len(terms) < _STEP_TERMS:
            break
        after = terms[-1] + b"\x00"
    async with db.begin() as tx:
        # What was removed since is told by other rows; the numbers of these are no longer in any posting.
        for change in await store.take_changes(tx, [change.id for change in known]):
            await store.insert_change(tx, space, change.entries, change.words)


async def _fill(tx: Tx, space: int, groups: Sequence[list[Row]]) -> None:
    """Read the data of those rows that have none."""
    missing = [(row.term, row.first) for group in groups for row in group if row.data is None]
    read = (
        {(row.term, row.first): row for row in await store.read_pairs(tx, space, missing)} if missing else {}
    )
    for group in groups:
        filled = [read.get((row.term, row.first), row) for row in group]
        group[:] = [row for row in filled if row.data is not None]


def _groups(rows: Sequence[Row], growth: int) -> list[list[Row]]:
    """Which rows become one: those beside one another of which none is `growth` times as large as what follows."""
    found: list[list[Row]] = []
    for _term, of_term in groupby(sorted(rows, key=itemgetter(0, 1)), itemgetter(0)):
        stack: list[_Group] = []
        for row in of_term:
            last = _Group([row], row.size, row.last)
            while stack and _fit(stack[-1], last, growth):
                before = stack.pop()
                last = _Group(before.rows + last.rows, before.size + last.size, max(before.last, last.last))
            stack.append(last)
        found += [group.rows for group in stack if len(group.rows) > 1]
    return found


class _Group(NamedTuple):
    """Rows of a term that become one: how many entries they have, and the last of those."""

    rows: list[Row]
    size: int
    last: int


def _merged(groups: Sequence[Sequence[Row]]) -> list[Row]:
    words = [group for group in groups if group and group[0].term[:1] not in (FILTER, TIME)]
    new = put_together(words) if words else []
    for group in groups:
        if group and group[0].term[:1] in (FILTER, TIME):
            term = group[0].term
            columns = unpack(term[:1], [(row.first, row.size, row.data or b"") for row in group])
            new += cut(term, columns)
    return new


def _fit(before: _Group, after: _Group, growth: int) -> bool:
    size, added = before.size, after.size
    span = after.last - before.rows[0].first
    return size < growth * added and size + added <= MAX_ROW and span <= MAX_SPAN


def _without(rows: Sequence[Row], gone: np.ndarray) -> tuple[list[Row], list[Row]]:
    """Rows of any terms that hold removed entries, and what is left of them."""
    old: list[Row] = []
    new: list[Row] = []
    for row in rows:
        place = int(np.searchsorted(gone, row.first))
        if place == len(gone) or gone[place] > row.last:
            continue
        columns = unpack(row.term[:1], [(row.first, row.size, row.data or b"")])
        left = difference(columns.numbers, gone)
        if len(left) == len(columns.numbers):
            continue
        old.append(row)
        kept = np.isin(columns.numbers, left, assume_unique=True)
        new += cut(row.term, Columns(*(column[kept] for column in columns)))
    return old, new
