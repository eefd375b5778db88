"""Keeping the index small: many small rows of postings become few large ones, and removed entries leave them.

What a search finds does not depend on when this happens; only, words of removed entries count as a little more common
until they leave. Every step is a transaction of its own that changes how
postings lie, never what they say; whoever is killed between two of them, or works beside another process, does no
harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np

from roundhouse.infra.db import Database, Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.analyser import analyse
from roundhouse.infra.search.indexing import filters_of
from roundhouse.infra.search.postings import (
    MAX_ROW,
    MAX_SPAN,
    TIMES,
    Columns,
    repack,
    unpack,
    unpack_numbers,
)
from roundhouse.infra.search.ranking import difference
from roundhouse.infra.search.store import CHANGES, NEW_ENTRIES, REMOVED, Row

_STEP_ENTRIES = 1_024
_STEP_TERMS = 256
# A row is put together with the one before it unless that is so many times as large: so each posting is written
# again only when the row it stands in grows by half.
_GROWTH = 2


async def tidy(db: Database, *, changes: int = CHANGES, new_entries: int = NEW_ENTRIES) -> bool:
    """Do one piece of the work, of one space; False when there was nothing to do.

    Args:
        db: The database.
        changes: See `CHANGES`; 1 and 0 for `new_entries` leave nothing undone.
        new_entries: See `NEW_ENTRIES`.

    Raises:
        StorageUnavailable: The database does not answer.
        StorageFull: No space left.
    """
    async with db.read() as tx:
        worn = await store.worn_space(tx, REMOVED)
        untidy = await store.untidy_space(tx, changes, new_entries) if worn is None else None
    if worn is not None:
        await purge(db, worn)
        return True
    return untidy is not None and await _put_together(db, untidy)


async def purge(db: Database, space: int) -> None:
    """Take the postings of removed entries out of a space: a walk over all its terms."""
    async with db.read() as tx:
        known = [change for change in await store.journal(tx, space) if change.removed]
    removed = sorted({number for change in known for number in unpack_numbers(change.removed)})
    gone = np.array(removed, np.int64)
    after = b""
    while True:
        async with db.begin() as tx:
            if not await store.try_upkeep(tx, space):
                return
            terms = await store.terms_between(tx, space, after, b"\xff", _STEP_TERMS)
            rows = await store.rows_of(tx, space, terms)
            old, new = await asyncio.to_thread(_without, rows, gone)
            await store.delete_postings(tx, space, old)
            await store.insert_postings(tx, space, new)
        if len(terms) < _STEP_TERMS:
            break
        after = terms[-1] + b"\x00"
    async with db.begin() as tx:
        # Each row stays true by itself: what it removed is no longer in any posting.
        for change in await store.take_changes(tx, [change.id for change in known]):
            await store.insert_change(tx, space, change.entries, change.words, change.added)


async def _put_together(db: Database, space: int) -> bool:
    async with db.read() as tx:
        taken = _oldest(await store.journal(tx, space))
        numbers = [number for change in taken for number in unpack_numbers(change.added)]
        entries = await store.properties(tx, numbers)
    terms = await asyncio.to_thread(_terms_of, entries)
    for start in range(0, len(terms), _STEP_TERMS):
        async with db.begin() as tx:
            if not await store.try_upkeep(tx, space):
                return False
            part = terms[start : start + _STEP_TERMS]
            groups = _groups(await store.directory(tx, space, part))
            filled = [await _filled(tx, space, group) for group in groups]
            new = await asyncio.to_thread(_merged, filled)
            old = [row for group in groups for row in group]
            await store.delete_postings(tx, space, old)
            await store.insert_postings(tx, space, new)
    async with db.begin() as tx:
        gone = await store.take_changes(tx, [change.id for change in taken])
        if gone:
            await store.insert_change(
                tx,
                space,
                sum(change.entries for change in gone),
                sum(change.words for change in gone),
                removed=b"".join(change.removed for change in gone),
            )
    return True


def _oldest(changes: Sequence[store.Change]) -> list[store.Change]:
    """The oldest rows of a journal, as many as one step takes."""
    taken: list[store.Change] = []
    entries = 0
    for change in changes:
        taken.append(change)
        entries += len(change.added) // 8
        if entries >= _STEP_ENTRIES:
            break
    return taken


def _terms_of(entries: Sequence[store.Properties]) -> list[bytes]:
    found: set[bytes] = {TIMES}
    for entry in entries:
        found.update(analyse(entry.text).terms)
        found |= filters_of(entry.user_id, entry.app_id, entry.parent_id, entry.role, entry.tags)
    return sorted(found)


async def _filled(tx: Tx, space: int, group: Sequence[Row]) -> list[Row]:
    """Rows of one term with their data."""
    missing = [row.first for row in group if row.data is None]
    read = await store.read_rows(tx, space, group[0].term, missing) if missing else []
    return [row for row in group if row.data is not None] + read


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Which rows become one.

    Rows of a term are like the digits of a number: each at least twice as large as the next, so that they are few.
    """
    found: list[list[Row]] = []
    for _term, of_term in groupby(sorted(rows), attrgetter("term")):
        stack: list[list[Row]] = []
        for row in of_term:
            stack.append([row])
            while len(stack) > 1 and _fit(stack[-2], stack[-1]):
                last = stack.pop()
                stack[-1] += last
        found += [group for group in stack if len(group) > 1]
    return found


def _merged(groups: Sequence[Sequence[Row]]) -> list[Row]:
    new: list[Row] = []
    for group in groups:
        term = group[0].term
        columns = unpack(term[:1], [(row.first, row.size, row.data or b"") for row in group])
        new += _repacked(term, columns)
    return new


def _fit(before: Sequence[Row], after: Sequence[Row]) -> bool:
    size, added = sum(row.size for row in before), sum(row.size for row in after)
    span = max(row.last for row in after) - before[0].first
    return size < _GROWTH * added and size + added <= MAX_ROW and span <= MAX_SPAN


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
        new += _repacked(row.term, Columns(*(column[kept] for column in columns)))
    return old, new


def _repacked(term: bytes, columns: Columns) -> Iterator[Row]:
    if len(columns.numbers):
        first, last, count, data = repack(term[:1], columns)
        yield Row(term, first, last, count, data)
