"""How postings are packed: column after column, little-endian, so that many are read at once.

A row holds the entries of a term in the order of their numbers, each number less the row's first one. Words add how
often they occur and the length of the text; times add the time; filters
add nothing.
"""

from __future__ import annotations

import struct
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

FILTER, TIME = b"f", b"t"
"""First bytes of terms that are no words: a property of an entry, and the one list of all times."""

TIMES = TIME
"""The term under which every entry stands with its time."""

MAX_ROW = 16_384
"""Most entries of a row."""

# From so many entries a row on, rows are read one by one.
_LARGE = 256

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

    ids: defaultdict[bytes, int] = defaultdict(count().__next__)
    flat: list[int] = []
    often: list[int] = []
    for document in documents:
        flat.extend(map(ids.__getitem__, document.terms))
        often.extend(document.terms.values())
    terms = sorted(ids)
    # The place of each term among all of them instead of the number it got when it came.
    rank = np.empty(len(terms), np.int32)
    rank[np.fromiter(map(ids.__getitem__, terms), np.int32, len(terms))] = np.arange(len(terms))
    of_term = rank[np.array(flat, np.int32)]
    order = np.argsort(of_term, kind="stable")
    place = np.repeat(np.arange(len(documents)), [len(document.terms) for document in documents])[order]
    numbers = np.array([document.number for document in documents], np.int64)
    lengths = np.array([document.length for document in documents], np.int64)[place]
    counts = np.array(often, np.int64)[order]
    columns = Columns(numbers[place], counts, np.minimum(lengths, MAX_LENGTH), counts)
    found = _sliced(terms, np.bincount(of_term, minlength=len(terms)), columns)
    times = np.array([document.at_s for document in documents], np.float64)
    for row in cut(TIMES, Columns(numbers, numbers, numbers, times)):
        insort(found, row)
    return found


def put_together(groups: Sequence[Sequence[Row]]) -> list[Row]:
    """Rows of words put together, of each group one.

    Args:
        groups: Rows of one term each, in the order of their first numbers; so many entries, of such a span, as one
            row may have.
    """
    import numpy as np

    rows = [row for group in groups for row in group]
    packed = [(row.size, row.data or b"") for row in rows]
    numbers = np.frombuffer(b"".join([data[: 4 * size] for size, data in packed]), "<u4").astype(np.int64)
    numbers += np.repeat(
        np.array([row.first for row in rows], np.int64), np.array([row.size for row in rows], np.int64)
    )
    counts = np.frombuffer(b"".join([data[4 * size : 5 * size] for size, data in packed]), "u1")
    lengths = np.frombuffer(b"".join([data[5 * size :] for size, data in packed]), "<u2")
    sizes = np.array([sum([row.size for row in group]) for group in groups], np.int64)
    found = _sliced([group[0].term for group in groups], sizes, Columns(numbers, counts, lengths, counts))
    falling = np.flatnonzero(numbers[1:] <= numbers[:-1]) + 1
    ends = np.cumsum(sizes)
    # Where a group begins the numbers may fall; within one, writers took turns, or what is there twice was moved.
    mixed = np.unique(np.searchsorted(ends, np.setdiff1d(falling, ends), "right"))
    for one in reversed(mixed.tolist()):
        term = groups[one][0].term
        columns = unpack(term[:1], [(row.first, row.size, row.data or b"") for row in groups[one]])
        found[one : one + 1] = cut(term, columns)
    return found


def _sliced(terms: Sequence[bytes], sizes: np.ndarray, columns: Columns) -> list[Row]:
    """The rows of terms whose postings lie behind one another, `sizes` of each, at least one."""
    import numpy as np

    ends = np.cumsum(sizes)
    firsts, lasts = columns.numbers[ends - sizes], columns.numbers[ends - 1]
    above = (columns.numbers - np.repeat(firsts, sizes)).astype("<u4").tobytes()
    counts, lengths = columns.counts.astype("u1").tobytes(), columns.lengths.astype("<u2").tobytes()
    found: list[Row] = []
    start = 0
    for term, first, last, end in zip(terms, firsts.tolist(), lasts.tolist(), ends.tolist(), strict=True):
        if end - start > MAX_ROW or last - first > MAX_SPAN:
            found += cut(term, Columns(*(column[start:end] for column in columns)))
        elif term[:1] == FILTER:
            found.append(Row(term, first, last, end - start, above[4 * start : 4 * end]))
        else:
            data = above[4 * start : 4 * end] + counts[start:end] + lengths[2 * start : 2 * end]
            found.append(Row(term, first, last, end - start, data))
        start = end
    return found


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
    if len(rows) == 1:
        return _unpacked(kind, *rows[0])
    rows = sorted(rows, key=itemgetter(0))
    sizes = np.array([size for _first, size, _data in rows], np.int64)
    ends = np.cumsum(sizes)
    numbers = np.empty(ends[-1], np.int64)
    if ends[-1] >= _LARGE * len(rows):
        for (first, size, data), end in zip(rows, ends.tolist(), strict=True):
            np.add(np.frombuffer(data, "<u4", size), first, out=numbers[end - size : end])
    else:
        # One array of all rows, not one of each: a new index has many short ones.
        numbers[:] = np.frombuffer(_joined(rows, 0, 4), "<u4")
        numbers += np.repeat(np.array([first for first, _size, _data in rows], np.int64), sizes)
    if kind == FILTER:
        columns = Columns(numbers, numbers, numbers, numbers)
    elif kind == TIME:
        columns = Columns(numbers, numbers, numbers, np.frombuffer(_joined(rows, 4, 12), "<f8"))
    else:
        counts = np.frombuffer(_joined(rows, 4, 5), "u1")
        columns = Columns(numbers, counts, np.frombuffer(_joined(rows, 5, 7), "<u2"), counts)
    # Each row rises.
    if not bool((numbers[ends[:-1]] > numbers[ends[:-1] - 1]).all()):
        # Of what is there twice, because it was moved while it was read, one will do.
        _kept, order = np.unique(numbers, return_index=True)
        columns = Columns(*(column[order] for column in columns))
    return columns


def _unpacked(kind: bytes, first: int, size: int, data: bytes) -> Columns:
    """One row."""
    import numpy as np

    numbers = np.frombuffer(data, "<u4", size).astype(np.int64)
    numbers += first
    if kind == FILTER:
        return Columns(numbers, numbers, numbers, numbers)
    if kind == TIME:
        return Columns(numbers, numbers, numbers, np.frombuffer(data, "<f8", size, 4 * size))
    counts = np.frombuffer(data, "u1", size, 4 * size)
    return Columns(numbers, counts, np.frombuffer(data, "<u2", size, 5 * size), counts)


def _joined(rows: Sequence[tuple[int, int, bytes]], start: int, end: int) -> bytes:
    """The bytes of one column: of each row those from `start` to `end` times its count."""
    return b"".join([memoryview(data)[start * size : end * size] for _first, size, data in rows])


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
