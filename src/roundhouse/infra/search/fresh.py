"""Terms of entries that are not in the postings yet: a row for each entry, looked through when somebody searches.

Writing an entry so is one row instead of hundreds. Before each term stands a byte that is in no term, behind it another
one and how often it occurs: what is looked for is found by the interpreter's own search for bytes.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable
from typing import NamedTuple

from roundhouse.infra.search.postings import MAX_COUNT, TIMES, Document, Row, rows_of

# Neither is ever in a text in UTF-8, nor a count.
_BEFORE, _BEHIND = b"\xff", b"\xfe"


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
        """The postings of a term; None = it is in none of them."""
        if term == TIMES:
            documents = [Document(row.number, row.length, row.at_s, {}) for row in self._rows]
        else:
            documents = self._holding(term)
        return next((row for row in rows_of(documents) if row.term == term), None) if documents else None

    def terms_between(self, low: bytes, high: bytes, limit: int) -> list[bytes]:
        """The first terms from `low` on that are below `high`, in the order of their bytes; both begin alike."""
        common = 0
        while common < min(len(low), len(high)) and low[common] == high[common]:
            common += 1
        pattern = re.compile(_BEFORE + b"(" + re.escape(low[:common]) + b"[^\xfe]*)" + _BEHIND)
        return sorted({term for term in pattern.findall(self._data) if low <= term < high})[:limit]

    def _holding(self, term: bytes) -> list[Document]:
        found: list[Document] = []
        mark = _BEFORE + term + _BEHIND
        place = self._data.find(mark)
        while place >= 0:
            which = bisect.bisect_right(self._ends, place)
            row = self._rows[which]
            found.append(Document(row.number, row.length, row.at_s, {term: self._data[place + len(mark)]}))
            # A term is there once.
            place = self._data.find(mark, self._ends[which])
        return found
