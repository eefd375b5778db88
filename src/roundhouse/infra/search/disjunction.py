"""Searching for any word: one order by BM25 of all that has some word of a question.

Plain OR scores every entry that has any of the words, and nearly all of them have one of the common ones, which say
next to nothing. As far as `Bounds.whole` goes that is done, a list after the other, which costs less than to choose.
Beyond, only the rarest words are read whole: what has none of them is not looked at. The common ones are then read for
the best of those entries only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from roundhouse.infra.db import Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.gathering import Lists
from roundhouse.infra.search.narrowing import Narrowing
from roundhouse.infra.search.parsing import Parsed
from roundhouse.infra.search.postings import unpack
from roundhouse.infra.search.ranking import (
    Numbers,
    Scores,
    Sums,
    Weighted,
    added,
    best,
    is_dense,
    rounded,
    union,
)
from roundhouse.infra.search.widening import continued


class Bounds(NamedTuple):
    """What is read for one query.

    Attributes:
        whole: Entries under the rarest words, which are read whole.
        common: Entries under the other words; the most common ones beyond that count nothing.
        kept: So many of the best by their rare words are scored by the common ones, too.
        enough: Common words are read whole, too, until there are so many entries: nobody turns more pages.
    """

    whole: int = 1_000_000
    common: int = 500_000
    kept: int = 2_048
    enough: int = 1_000


# Scoring more is done beside the event loop.
_MANY = 100_000


class _Asked(NamedTuple):
    """A term of the query: in how many entries it is, which it is, how often what it stands for is, what it weighs."""

    size: int
    term: bytes
    frequency: int
    weight: float


class Disjunction:
    """One query over one space.

    Args:
        tx: Any transaction.
        lists: Of the space.
        narrowing: What of it may be found.
        parsed: The query.
        bounds: What is read; None = as usual.

    Attributes:
        terms: By which terms something was looked for.
    """

    def __init__(
        self, tx: Tx, lists: Lists, narrowing: Narrowing, parsed: Parsed, bounds: Bounds | None = None
    ) -> None:
        self._tx = tx
        self._lists = lists
        self._narrowing = narrowing
        self._parsed = parsed
        self._bounds = bounds or Bounds()
        self.terms = set(parsed.terms)

    async def first(self, needed: int) -> list[tuple[store.Label, float]]:
        """The best entries and their scores, at most `needed`, in order."""
        longer = await continued(self._lists, [word for word in self._parsed.words if word.identifier])
        words = [longer.get(word, word) for word in self._parsed.words]
        self.terms.update(one.term for word in words for one in word.wanted)
        if not await self._narrowing.begin(self.terms):
            return []
        own = self._parsed.terms
        asked: dict[bytes, _Asked] = {}
        for word in words:
            together = sum(self._lists.size(one.term) for one in word.wanted)
            for one in word.wanted:
                size = self._lists.size(one.term)
                frequency = size if one.term in own else together
                known = asked.get(one.term)
                if size and (known is None or known.weight < one.weight):
                    asked[one.term] = _Asked(size, one.term, frequency, one.weight)
        return await self._best(sorted(asked.values()), needed) if asked else []

    async def _best(self, rising: Sequence[_Asked], needed: int) -> list[tuple[store.Label, float]]:
        allowed = await self._narrowing.allowed(min(self._bounds.whole, sum(one.size for one in rising)))
        whole, rest = _split(rising, self._bounds.whole)
        # What the rare words have told is not told again.
        numbers, sums = await self._whole(whole, allowed)
        while len(numbers) < self._bounds.enough and rest:
            # What the rare words find is all too little: the next one has to help.
            whole, rest = [*whole, rest[0]], rest[1:]
            numbers, sums = await self._whole(whole, allowed)
        if rest and len(numbers) > self._bounds.kept:
            kept, _scores = best(np.arange(len(numbers)), rounded(sums), self._bounds.kept)
            kept.sort()
            numbers, sums = numbers[kept], sums[kept]
        read = await self._read(_split(rest, self._bounds.common)[0], numbers)
        sums = await self._added(sums, numbers, read)
        numbers, scores = best(numbers, rounded(sums), needed)
        points = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
        return (await store.in_order(self._tx, self._narrowing.caller, points))[:needed]

    async def _whole(self, asked: Sequence[_Asked], allowed: Numbers | None) -> tuple[Numbers, Scores]:
        """All that may be found and has any of these words, and what they add to its score."""
        found = await self._streamed(asked) if allowed is None else None
        if found is None:
            read = await self._read(asked, allowed)
            numbers = await self._narrowing.permitted(union(read))
            return numbers, await self._added(np.zeros(len(numbers)), numbers, read)
        numbers, sums = found
        permitted = await self._narrowing.permitted(numbers)
        return permitted, sums if len(permitted) == len(numbers) else sums[
            np.searchsorted(numbers, permitted)
        ]

    async def _streamed(self, asked: Sequence[_Asked]) -> tuple[Numbers, Scores] | None:
        """The sums of all entries, a list after the other; None = they are too many, lie far apart, or moved."""
        terms = [one.term for one in asked]
        postings = sum(one.size for one in asked)
        first, last = self._lists.span(terms)
        if postings > self._bounds.whole or not is_dense(first, last, postings):
            return None
        # All is read before anything is summed: two threads that take turns at the interpreter are slower than one.
        await self._lists.load(terms)
        if not all(map(self._lists.is_loaded, terms)):
            return None
        sums = Sums(first, last, self._narrowing.statistics)
        lists = chain.from_iterable(map(self._weighted, asked))
        if postings <= _MANY:
            sums.add(lists)
        else:
            await asyncio.to_thread(sums.add, lists)
        return sums.found()

    def _weighted(self, one: _Asked) -> Iterator[Weighted]:
        for columns in self._lists.loaded(one.term):
            yield Weighted(one.term, columns, one.weight, one.frequency)

    async def _added(self, sums: Scores, numbers: Numbers, read: Sequence[Weighted]) -> Scores:
        statistics = self._narrowing.statistics
        if sum(len(one.columns.numbers) for one in read) > _MANY:
            return await asyncio.to_thread(added, sums, numbers, read, statistics)
        return added(sums, numbers, read, statistics)

    async def _read(self, asked: Sequence[_Asked], numbers: Numbers | None) -> list[Weighted]:
        """Lists, as far as they may hold some of `numbers` (None = the newest)."""
        found: list[Weighted] = []
        if numbers is not None or sum(one.size for one in asked) <= self._bounds.whole:
            await self._lists.load([one.term for one in asked], numbers)
        for one in asked:
            if numbers is None:
                columns = await self._lists.newest(one.term)
            else:
                columns = await self._lists.among(one.term, numbers)
            found.append(Weighted(one.term, columns, one.weight, one.frequency))
        return found or [Weighted(b"", unpack(b"", []), 0.0, 0)]


def _split(rising: Sequence[_Asked], most: int) -> tuple[Sequence[_Asked], Sequence[_Asked]]:
    """The first ones that have together at most so many entries, but at least one; and the others."""
    total = 0
    for place, one in enumerate(rising):
        total += one.size
        if total > most and place:
            return rising[:place], rising[place:]
    return rising, []
