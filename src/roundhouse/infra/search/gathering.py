"""Reading postings: a directory of rows first, then only those rows that can matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter

import numpy as np

from roundhouse.core.errors import StorageUnavailable
from roundhouse.infra.db import Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.fresh import Fresh
from roundhouse.infra.search.postings import FILTER, Columns, Row, unpack

MAX_NEWEST = 262_144
"""Of a term that stands in more entries only the newest so many are looked at, where nothing else narrows it."""

_TRIES = 5
# From so many entries a row on, a term is unpacked row by row.
_LARGE = 1_024
_READ_ROWS = 1_000

Numbers = np.ndarray
"""Numbers of entries, rising."""


class Lists:
    """The posting lists of one space, as one query needs them.

    Args:
        tx: Any transaction. It need not see one state of the database: rows that were put together with others
            since the directory was read are looked for anew.
        space: Which space.
        fresh: Its fresh entries, read before anything else: what becomes postings meanwhile is then found twice
            rather than never.
    """

    def __init__(self, tx: Tx, space: int, fresh: Fresh) -> None:
        self._tx = tx
        self._space = space
        self._fresh = fresh
        self._rows: dict[bytes, dict[int, Row]] = {}
        self._fresh_rows: dict[bytes, Row] = {}
        self._sizes: dict[bytes, int] = {}
        # What `load` has found to be touched: by which numbers, and of each term the first numbers of its rows.
        self._touched: tuple[Numbers | None, dict[bytes, list[int]]] = (None, {})

    async def survey(self, terms: Iterable[bytes]) -> None:
        """Read the directory of terms, those that are known already excepted."""
        unknown = sorted(set(terms) - self._rows.keys())
        if unknown:
            await self._survey(unknown)

    def size(self, term: bytes) -> int:
        """Entries under a term, those included that are no more; it must be surveyed."""
        return self._sizes[term]

    async def terms_between(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        """The first terms from `low` on that are below `high` and begin like it, in the order of their bytes."""
        settled = await store.terms_between(self._tx, self._space, low, high, limit)
        return sorted({*settled, *self._fresh.terms_between(low, high, limit)})[:limit]

    async def newest(self, term: bytes) -> Columns:
        """The newest entries under a term, at most `MAX_NEWEST`."""
        for _attempt in range(_TRIES):
            columns = await self._newest(term)
            if columns is not None:
                return columns
            await self._survey([term])
        raise StorageUnavailable("The search index is being rewritten.", retry_after_s=1.0)

    async def whole(self, term: bytes) -> Columns:
        """All entries under a term."""
        return await self.among(term, None)

    async def among(self, term: bytes, numbers: Numbers | None) -> Columns:
        """The entries under a term, at least those that are among `numbers` (None = all)."""
        for _attempt in range(_TRIES):
            wanted = self._wanted(term, numbers)
            if await self._fill(term, wanted):
                return self._unpacked(term, [row.first for row in wanted])
            await self._survey([term])
        raise StorageUnavailable("The search index is being rewritten.", retry_after_s=1.0)

    async def load(self, terms: Sequence[bytes], numbers: Numbers | None = None) -> None:
        """Read, all at once, the rows of terms that may hold some of `numbers` (None = all); see `among`."""
        pairs: list[tuple[bytes, int]] = []
        touched: dict[bytes, list[int]] = {}
        for term in terms:
            wanted = self._wanted(term, numbers)
            touched[term] = [row.first for row in wanted]
            pairs += [(term, row.first) for row in wanted if row.data is None]
        self._touched = (numbers, touched)
        if pairs:
            for row in await store.read_pairs(self._tx, self._space, pairs):
                # One that was put together with others meanwhile is looked for anew when it is asked for.
                if row.size == self._rows[row.term][row.first].size:
                    self._rows[row.term][row.first] = row

    def span(self, terms: Iterable[bytes]) -> tuple[int, int]:
        """Below the first number no entry of these terms is, above the second none; one of them must have entries."""
        rows = [row for term in terms for row in self._rows[term].values()]
        rows += [self._fresh_rows[term] for term in terms if term in self._fresh_rows]
        return min(row.first for row in rows), max(row.last for row in rows)

    def is_loaded(self, term: bytes) -> bool:
        """Whether all rows of a term have been read."""
        return all(row.data is not None for row in self._rows[term].values())

    def loaded(self, term: bytes) -> Iterator[Columns]:
        """All entries under a term whose rows have been read, in parts; touches nothing that changes meanwhile."""
        fresh = self._fresh_rows.get(term)
        rows = sorted([*self._rows[term].values(), *([fresh] if fresh else [])], key=attrgetter("first"))
        if all(before.last < row.first for before, row in pairwise(rows)) and (
            sum([row.size for row in rows]) >= _LARGE * len(rows)
        ):
            # A row at a time stays in the processor's cache.
            for row in rows:
                yield unpack(term[:1], [(row.first, row.size, row.data or b"")])
        else:
            yield unpack(term[:1], [(row.first, row.size, row.data or b"") for row in rows])

    def _wanted(self, term: bytes, numbers: Numbers | None) -> list[Row]:
        """The rows of a term that may hold some of `numbers` (None = all)."""
        rows = self._rows[term]
        if numbers is None:
            return list(rows.values())
        before, touched = self._touched
        if numbers is before and term in touched:
            return [rows[first] for first in touched[term]]
        return _touched(list(rows.values()), numbers)

    async def any_of(self, terms: Sequence[bytes]) -> Numbers:
        """The entries under any of many filters; they must be surveyed."""
        await self.load(terms)
        rows: list[Row] = []
        for term in terms:
            if any(row.data is None for row in self._rows[term].values()):
                await self.whole(term)
            rows += self._rows[term].values()
            rows += [self._fresh_rows[term]] if term in self._fresh_rows else []
        return unpack(FILTER, [(row.first, row.size, row.data or b"") for row in rows]).numbers

    async def _survey(self, terms: Sequence[bytes]) -> None:
        self._fresh_rows |= self._fresh.rows(terms)
        self._touched = (None, {})
        for term in terms:
            self._rows[term] = {}
        for row in await store.directory(self._tx, self._space, terms):
            self._rows[row.term][row.first] = row
        for term in terms:
            fresh = self._fresh_rows.get(term)
            settled = sum([row.size for row in self._rows[term].values()])
            self._sizes[term] = settled + (fresh.size if fresh else 0)

    async def _newest(self, term: bytes) -> Columns | None:
        waiting = sorted(self._rows[term].values(), key=lambda row: row.last)
        taken: list[Row] = []
        total = 0
        while waiting and total < MAX_NEWEST:
            taken.append(waiting.pop())
            total += taken[-1].size
        if not await self._fill(term, taken):
            return None
        columns = self._unpacked(term, [row.first for row in taken])
        if len(columns.numbers) < MAX_NEWEST:
            return columns
        # Rows of writers that took turns overlap: what is newer than the oldest of these may lie in others, too.
        oldest = int(columns.numbers[-MAX_NEWEST])
        others = [row for row in waiting if row.last > oldest]
        if others:
            if not await self._fill(term, others):
                return None
            columns = self._unpacked(term, [row.first for row in taken + others])
        return Columns(*(column[-MAX_NEWEST:] for column in columns))

    async def _fill(self, term: bytes, wanted: Sequence[Row]) -> bool:
        """Read the data of rows; False when one of them is no longer there."""
        rows = self._rows[term]
        missing = [row.first for row in wanted if rows[row.first].data is None]
        for start in range(0, len(missing), _READ_ROWS):
            part = missing[start : start + _READ_ROWS]
            found = await store.read_rows(self._tx, self._space, term, part)
            unchanged = [row for row in found if row.size == rows[row.first].size]
            if len(unchanged) < len(part):
                return False
            rows.update((row.first, row) for row in unchanged)
        return True

    def _unpacked(self, term: bytes, firsts: Iterable[int]) -> Columns:
        rows = [self._rows[term][first] for first in firsts]
        if term in self._fresh_rows:
            rows.append(self._fresh_rows[term])
        return unpack(term[:1], [(row.first, row.size, row.data or b"") for row in rows])


def _touched(rows: Sequence[Row], numbers: Numbers) -> list[Row]:
    """The rows that may hold some of `numbers`."""
    if not rows or not len(numbers):
        return []
    firsts = np.fromiter((row.first for row in rows), np.int64, len(rows))
    lasts = np.fromiter((row.last for row in rows), np.int64, len(rows))
    touched = np.searchsorted(numbers, firsts, "left") < np.searchsorted(numbers, lasts, "right")
    return [row for row, hit in zip(rows, touched, strict=True) if hit]
