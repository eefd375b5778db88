"""How postings are packed: column after column, little-endian, so that many are read at once.

A row holds the entries of a term in the order of their numbers, each number less the row's first one. Words add how
often they occur and the length of the text; times add the time; filters
add nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
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

_MAX_COUNT = 255
_MAX_LENGTH = 65_535


class Posting(NamedTuple):
    """An entry under a term: number, occurrences, length of its text, time."""

    number: int
    often: int = 1
    length: int = 0
    at_s: float = 0.0


class Columns(NamedTuple):
    """Many postings; all arrays are of one length, `numbers` rises."""

    numbers: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray
    times: np.ndarray


def filter_term(name: str, value: str) -> bytes:
    """The term of a property: `user`, `app`, `parent`, `role`, `tag`."""
    return FILTER + name.encode() + b"=" + value.encode("utf-8", "replace")


def pack(kind: bytes, postings: Sequence[Posting]) -> bytes:
    """Pack postings of one row, in the order of their numbers.

    Args:
        kind: First byte of the term.
        postings: 1 to `MAX_ROW` of them, within `MAX_SPAN`.
    """
    size, first = len(postings), postings[0].number
    numbers = [one.number - first for one in postings]
    if kind == FILTER:
        return struct.pack(f"<{size}I", *numbers)
    if kind == TIME:
        return struct.pack(f"<{size}I{size}d", *numbers, *[one.at_s for one in postings])
    return struct.pack(
        f"<{size}I{size}B{size}H",
        *numbers,
        *[min(one.often, _MAX_COUNT) for one in postings],
        *[min(one.length, _MAX_LENGTH) for one in postings],
    )


def unpack(kind: bytes, rows: Sequence[tuple[int, int, bytes]]) -> Columns:
    """Read rows of one term: first number, count and data of each, in any order."""
    # Not at the top: the product starts without it.
    import numpy as np

    if not rows:
        nothing = np.zeros(0, np.int64)
        return Columns(nothing, nothing, nothing, nothing)
    numbers = [np.frombuffer(data, "<u4", size).astype(np.int64) + first for first, size, data in rows]
    if kind == FILTER:
        read = [(one, one, one) for one in numbers]
    elif kind == TIME:
        times = [np.frombuffer(data, "<f8", size, 4 * size) for _first, size, data in rows]
        read = [(one, one, other) for one, other in zip(numbers, times, strict=True)]
    else:
        read = [
            (
                np.frombuffer(data, "u1", size, 4 * size),
                np.frombuffer(data, "<u2", size, 5 * size),
                np.frombuffer(data, "u1", size, 4 * size),
            )
            for _first, size, data in rows
        ]
    joined = np.concatenate(numbers)
    columns = Columns(joined, *(np.concatenate([part[place] for part in read]) for place in range(3)))
    if len(rows) > 1 and not bool((joined[1:] > joined[:-1]).all()):
        order = np.argsort(joined, kind="stable")
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
