"""What of a space a query may find: its filters, and what its caller may see. Always first, never afterwards."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from roundhouse.core.errors import BadInput
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx
from roundhouse.infra.search import store
from roundhouse.infra.search.gathering import MAX_NEWEST, Lists
from roundhouse.infra.search.indexing import filters_of
from roundhouse.infra.search.postings import TIMES, Columns, filter_term
from roundhouse.infra.search.ranking import Numbers, Statistics, difference, intersection
from roundhouse.infra.search.shapes import Query

MAX_ALL = 4_000_000
"""Entries under the words that must all be there; of a longer query the most common words need not."""

MAX_AMONG = 10_000
"""Wholes of whose parts only a query may want."""

# Of so few entries each is asked for its time, rather than all times read.
_FEW = 3_000


class Narrowing:
    """The filters of one query over one space.

    Args:
        tx: Any transaction.
        space: Which space.
        lists: Of the space.
        query: What is asked for.
        caller: Who asks.

    Attributes:
        caller: Who asks.
        statistics: Of the space, from `begin` on.

    Raises:
        BadInput: It names too many wholes.
    """

    def __init__(self, tx: Tx, space: int, lists: Lists, query: Query, caller: Caller) -> None:
        self._tx = tx
        self._space = space
        self._lists = lists
        self.caller = caller
        self._query = query
        self._filters = filters_of(
            query.user_id, query.app_id, query.parent_id, query.role, query.tags
        ) | filters_of(caller.user_id, caller.app_id, None, None, ())
        wholes = query.among
        if wholes is not None and len(wholes) > MAX_AMONG:
            raise BadInput(f"A query names at most {MAX_AMONG} of these.", param="among")
        self._wholes = None if wholes is None else sorted({filter_term("parent", one) for one in wholes})
        self._among: Numbers | None = None
        self._driver: Numbers | None = None
        self._dated = query.since_s is not None or query.until_s is not None
        # Entries that still stand in postings but are no more, rising.
        self._removed: Numbers = np.zeros(0, np.int64)
        self.statistics = Statistics(0, 0)

    async def begin(self, terms: Set[bytes]) -> bool:
        """Read the journal of the space and the directory of the filters and of words; False = nothing can be found.

        Args:
            terms: Of the words.
        """
        changes = await store.journal(self._tx, self._space)
        entries, words = sum(one.entries for one in changes), sum(one.words for one in changes)
        self.statistics = Statistics(entries, words)
        self._removed = np.sort(np.frombuffer(b"".join(one.removed for one in changes), "<i8"))
        if not entries:
            return False
        await self._lists.survey(
            {*terms, *self._filters, *(self._wholes or ()), *([TIMES] if self._dated else [])}
        )
        if self._wholes is not None:
            self._among = await self._lists.any_of(self._wholes)
            if not len(self._among):
                return False
        return all(self._lists.size(term) for term in self._filters)

    async def allowed(self, smallest: int) -> Numbers | None:
        """Entries that pass the narrowest filter, where that is narrower than the rarest word; else None.

        Args:
            smallest: Entries with the rarest word.
        """
        if self._driver is not None:
            return self._driver
        narrow = min(self._filters, key=lambda term: (self._lists.size(term), term), default=None)
        size = smallest if narrow is None else self._lists.size(narrow)
        if self._among is not None and len(self._among) < min(size, smallest):
            self._driver = self._among
        elif self._dated and smallest > MAX_NEWEST and self._lists.size(TIMES) <= MAX_ALL:
            self._driver = self._in_time(await self._lists.whole(TIMES))
        elif narrow is not None and size < smallest:
            self._driver = (await self._lists.newest(narrow)).numbers
        return self._driver

    async def permitted(self, numbers: Numbers) -> Numbers:
        """Those that pass every filter and are still there."""
        numbers = difference(numbers, self._removed)
        if self._among is not None:
            numbers = intersection(numbers, self._among)
        for term in sorted(self._filters, key=lambda term: (self._lists.size(term), term)):
            if len(numbers):
                numbers = intersection(numbers, (await self._lists.among(term, numbers)).numbers)
        if self._dated and 0 < len(numbers) <= _FEW:
            heads = await store.heads(self._tx, numbers.tolist())
            within = [head.number for head in heads if self._is_in_time(head.at_s)]
            numbers = intersection(numbers, np.array(sorted(within), np.int64))
        elif self._dated:
            numbers = intersection(numbers, self._in_time(await self._lists.among(TIMES, numbers)))
        return numbers

    def _is_in_time(self, at_s: float) -> bool:
        since_s, until_s = self._query.since_s, self._query.until_s
        return (since_s is None or at_s >= since_s) and (until_s is None or at_s < until_s)

    def _in_time(self, columns: Columns) -> Numbers:
        since_s, until_s = self._query.since_s, self._query.until_s
        passed = np.ones(len(columns.numbers), bool)
        if since_s is not None:
            passed &= columns.times >= since_s
        if until_s is not None:
            passed &= columns.times < until_s
        kept: Numbers = columns.numbers[passed]
        return kept
