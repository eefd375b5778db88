"""Terms of entries that are not in the postings yet: a row for each entry, looked through when somebody searches.

Writing an entry so is one row instead of hundreds. Before each term stands a byte that is in no term, behind it another
one and how often it occurs: what is looked for is found by the interpreter's own search for bytes.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from roundhouse.infra.search.postings import MAX_COUNT, MAX_LENGTH, TIMES, Columns, Document, Row, repack

# Neither is ever in a text in UTF-8, nor a count.
_BEFORE, _BEHIND = b"\xff", b"\xfe"
_MANY_TERMS = 100


class FreshRow(NamedTuple):
    """A row of `search_fresh`."""

    number: int
    length: int
    at_s: float
    data: bytes


def pack_terms(terms: dict[bytes, int]) -> bytes:
    """The terms of an entry in one piece."""
    parts = [b"\xff%b\xfe%c" % (term, min(often, MAX_COUNT)) for term, often in terms.items()]
    return b"".join(parts)


def unpack_row(row: FreshRow) -> Document:
    """An entry as it was packed."""
    terms = {one[:-2]: one[-1] for one in row.data.split(_BEFORE)[1:]}
    return Document(row.number, row.length, row.at_s, terms)


class Fresh:
    """The fresh entries of a space, as one query needs them.

    Args:
        rows: Of `search_fresh`.
    """

    def __init__(self, rows: Iterable[FreshRow]) -> None:
        self._rows = sorted(rows)
        self._ends: list[int] = []
        end = 0
        for row in self._rows:
            end += len(row.data)
            self._ends.append(end)
        self._data = b"".join(row.data for row in self._rows)

    def row(self, term: bytes) -> Row | None:
        """The postings of a term, in one row however many they are; None = it is in none of them."""
        places: Sequence[int]
        counts: Sequence[int]
        if term == TIMES:
            places, counts = range(len(self._rows)), []
        else:
            places, counts = self._holding(term)
        if not places:
            return None
        # Not at the top: the product starts without it.
        import numpy as np

        mine = [self._rows[place] for place in places]
        numbers = np.array([row.number for row in mine], np.int64)
        lengths = np.array([min(row.length, MAX_LENGTH) for row in mine], np.int64)
        often = np.array(counts, np.int64)
        times = np.array([row.at_s for row in mine], np.float64)
        return Row(term, *repack(term[:1], Columns(numbers, often, lengths, times)))

    def rows(self, terms: Collection[bytes]) -> dict[bytes, Row]:
        """The postings of those of some terms that are in any of them."""
        if len(terms) > _MANY_TERMS:
            # Cheaper than to search all the bytes for each of them.
            terms = set(terms).intersection(one[:-2] for one in self._data.split(_BEFORE))
        found = {term: self.row(term) for term in terms}
        return {term: row for term, row in found.items() if row is not None}

    def terms_between(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        """The first terms from `low` on that are below `high`, in the order of their bytes; both begin alike."""
        common = 0
        while common < min(len(low), len(high)) and low[common] == high[common]:
            common += 1
        pattern = re.compile(_BEFORE + b"(" + re.escape(low[:common]) + b"[^\xfe]*)" + _BEHIND)
        return sorted({term for term in pattern.findall(self._data) if low <= term < high})[:limit]

    def _holding(self, term: bytes) -> tuple[list[int], list[int]]:
        """Which rows have a term, and how often."""
        places: list[int] = []
        counts: list[int] = []
        data, ends, mark = self._data, self._ends, _BEFORE + term + _BEHIND
        behind = len(mark)
        place = data.find(mark)
        while place >= 0:
            which = bisect.bisect_right(ends, place)
            places.append(which)
            counts.append(data[place + behind])
            # A term is there once.
            place = data.find(mark, ends[which])
        return places, counts
