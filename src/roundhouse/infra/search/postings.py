"""How postings are packed: column after column, little-endian, so that many are read at once.

A row holds the entries of a term in the order of their numbers, each number less the row's first one. Words add how
often they occur and the length of the text; times add the time; filters
add nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

FILTER, TIME = b"f", b"t"
"""First bytes of terms that are no words: a property of an entry, and the one list of all times."""

TIMES = TIME
"""The term under which every entry stands with its time."""

MAX_ROW = 4_096
"""Most entries of a row."""

MAX_SPAN = 2**32 - 1
"""Most that the last number of a row may be above its first."""

MAX_COUNT = 250
"""Most occurrences that are told apart."""

MAX_LENGTH = 65_535
"""Longer texts count as so long."""


class Document(NamedTuple):
    """What the postings of an entry are made from.

    Attributes:
        number: Of the entry.
        length: Words of its text.
        at_s: Its Unix time.
        terms: For each term how often it occurs, 1 to `MAX_COUNT`; filters among them.
    """

    number: int
    length: int
    at_s: float
    terms: dict[bytes, int]


class Row(NamedTuple):
    """A row of postings: `size` entries from number `first` to `last`; `data` is None where it was left out."""

    term: bytes
    first: int
    last: int
    size: int
    data: bytes | None


class Columns(NamedTuple):
    """Many postings; all arrays are of one length, `numbers` rises."""

    numbers: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray
    times: np.ndarray


def filter_term(name: str, value: str) -> bytes:
    """The term of a property: `user`, `app`, `parent`, `role`, `tag`."""
    return FILTER + name.encode() + b"=" + value.encode("utf-8", "replace")


def rows_of(documents: Sequence[Document]) -> list[Row]:
    """The rows of documents in the order of their numbers; by term, then by number."""
    import numpy as np

    ids: dict[bytes, int] = {}
    flat: list[int] = []
    often: list[int] = []
    for document in documents:
        flat += [ids.setdefault(term, len(ids)) for term in document.terms]
        often += document.terms.values()
    sizes = [len(document.terms) for document in documents]
    of_term = np.array(flat, np.int32)
    order = np.argsort(of_term, kind="stable")
    place = np.repeat(np.arange(len(documents)), sizes)[order]
    numbers = np.array([document.number for document in documents], np.int64)
    lengths = np.array([document.length for document in documents], np.int64)[place]
    counts = np.array(often, np.int64)[order]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(of_term, minlength=len(ids)))]).tolist()
    columns = Columns(numbers[place], counts, np.minimum(lengths, MAX_LENGTH), counts)
    found: list[Row] = []
    packed = _Packed(columns, bounds)
    for term, one in sorted(ids.items()):
        found += packed.rows(term, bounds[one], bounds[one + 1])
    times = np.array([document.at_s for document in documents], np.float64)
    found += cut(TIMES, Columns(numbers, numbers, numbers, times))
    return sorted(found)


class _Packed:
    """Columns of all terms behind one another, ready to be cut."""

    def __init__(self, columns: Columns, bounds: Sequence[int]) -> None:
        import numpy as np

        self._columns = columns
        self._numbers = columns.numbers.tolist()
        sizes = np.diff(bounds)
        firsts = np.repeat(columns.numbers[np.array(bounds[:-1], np.int64)] if len(sizes) else [], sizes)
        self._above = (columns.numbers - firsts).astype("<u4").tobytes()
        self._counts = columns.counts.astype("u1").tobytes()
        self._lengths = columns.lengths.astype("<u2").tobytes()

    def rows(self, term: bytes, start: int, end: int) -> Iterable[Row]:
        first, last = self._numbers[start], self._numbers[end - 1]
        if end - start > MAX_ROW or last - first > MAX_SPAN:
            return cut(term, Columns(*(column[start:end] for column in self._columns)))
        data = self._above[4 * start : 4 * end]
        if term[:1] != FILTER:
            data += self._counts[start:end] + self._lengths[2 * start : 2 * end]
        return (Row(term, first, last, end - start, data),)


def cut(term: bytes, columns: Columns) -> Iterator[Row]:
    """The rows of one term."""
    start = 0
    while start < len(columns.numbers):
        end = min(start + MAX_ROW, len(columns.numbers))
        # Writers that take turns spread the numbers, though hardly ever so far.
        while columns.numbers[end - 1] - columns.numbers[start] > MAX_SPAN:
            end = start + max(1, (end - start) // 2)
        first, last, size, data = repack(term[:1], Columns(*(column[start:end] for column in columns)))
        yield Row(term, first, last, size, data)
        start = end


def unpack(kind: bytes, rows: Sequence[tuple[int, int, bytes]]) -> Columns:
    """Read rows of one term: first number, count and data of each, in any order."""
    # Not at the top: the product starts without it.
    import numpy as np

    if not rows:
        nothing = np.zeros(0, np.int64)
        return Columns(nothing, nothing, nothing, nothing)
    rows = sorted(rows, key=itemgetter(0))
    # One array of all rows, not one of each: a new index has many short ones.
    numbers = np.frombuffer(b"".join([data[: 4 * size] for _first, size, data in rows]), "<u4").astype(
        np.int64
    )
    numbers += np.repeat(
        np.array([first for first, _size, _data in rows], np.int64), [size for _first, size, _data in rows]
    )
    if kind == FILTER:
        columns = Columns(numbers, numbers, numbers, numbers)
    elif kind == TIME:
        times = np.frombuffer(b"".join([data[4 * size :] for _first, size, data in rows]), "<f8")
        columns = Columns(numbers, numbers, numbers, times)
    else:
        counts = np.frombuffer(b"".join([data[4 * size : 5 * size] for _first, size, data in rows]), "u1")
        lengths = np.frombuffer(b"".join([data[5 * size :] for _first, size, data in rows]), "<u2")
        columns = Columns(numbers, counts, lengths, counts)
    if len(rows) > 1 and not bool((numbers[1:] > numbers[:-1]).all()):
        # Of what is there twice, because it was moved while it was read, one will do.
        _kept, order = np.unique(numbers, return_index=True)
        columns = Columns(*(column[order] for column in columns))
    return columns


def repack(kind: bytes, columns: Columns) -> tuple[int, int, int, bytes]:
    """One row of columns: first number, last number, count, data."""
    first, last = int(columns.numbers[0]), int(columns.numbers[-1])
    parts = [(columns.numbers - first).astype("<u4")]
    if kind == TIME:
        parts.append(columns.times.astype("<f8"))
    elif kind != FILTER:
        parts += [columns.counts.astype("u1"), columns.lengths.astype("<u2")]
    return first, last, len(columns.numbers), b"".join(part.tobytes() for part in parts)


def pack_numbers(numbers: Sequence[int]) -> bytes:
    """Numbers of entries, for the journal."""
    return struct.pack(f"<{len(numbers)}q", *numbers)


def unpack_numbers(data: bytes) -> tuple[int, ...]:
    """What `pack_numbers` packed."""
    return struct.unpack(f"<{len(data) // 8}q", data)
