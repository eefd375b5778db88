"""BM25 over posting lists that are in memory: the same sums in the same order, whichever database they came from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from roundhouse.infra.search.postings import Columns

K1 = 1.2
B = 0.75

Numbers = np.ndarray
Scores = np.ndarray

_DIGITS = 9
_FEWER = 4
# Tables of so many numbers, and of so many times as many as are scored.
_SPAN = 65_536
_SPREAD = 16

MAX_TIES = 2_000
"""Of entries with the same score only the newest so many are put in the order of their times."""


class Statistics(NamedTuple):
    """Of a space: how many entries, and how many words they have together."""

    entries: int
    words: int

    @property
    def mean_length(self) -> float:
        """Words of an entry, at least 1."""
        return max(1.0, self.words / max(1, self.entries))


class Weighted(NamedTuple):
    """The list of a term, what its occurrences weigh, and in how many entries what it stands for is."""

    term: bytes
    columns: Columns
    weight: float
    frequency: int


def union(lists: Sequence[Weighted]) -> Numbers:
    """The entries that are in any list."""
    if len(lists) == 1:
        return lists[0].columns.numbers
    held = [one.columns.numbers for one in lists if len(one.columns.numbers)]
    if not held:
        return lists[0].columns.numbers
    first, last = min(int(one[0]) for one in held), max(int(one[-1]) for one in held)
    if last - first < _SPREAD * sum(map(len, held)):
        # Where numbers lie close, a table of them all is cheaper than to sort them.
        there = np.zeros(last - first + 1, bool)
        for one in held:
            there[one - first] = True
        return np.flatnonzero(there) + first
    # Each of them rises: putting such runs together is what a stable sort is fastest at.
    joined = np.sort(np.concatenate(held), kind="stable")
    kept: Numbers = joined[np.concatenate([[True], joined[1:] != joined[:-1]])]
    return kept


def intersection(numbers: Numbers, others: Numbers) -> Numbers:
    """The entries of `numbers` that are among `others`; both rise."""
    kept: Numbers = numbers[contained(numbers, others)]
    return kept


def difference(numbers: Numbers, others: Numbers) -> Numbers:
    """The entries of `numbers` that are not among `others`; both rise."""
    if not len(others):
        return numbers
    kept: Numbers = numbers[~contained(numbers, others)]
    return kept


def contained(numbers: Numbers, others: Numbers) -> np.ndarray:
    """For each of `numbers` whether it is among `others`; both rise."""
    if not len(others):
        return np.zeros(len(numbers), bool)
    places = np.minimum(np.searchsorted(others, numbers), len(others) - 1)
    found: np.ndarray = others[places] == numbers
    return found


def score(numbers: Numbers, lists: Sequence[Weighted], statistics: Statistics) -> Scores:
    """BM25 of entries.

    Args:
        numbers: Which, rising.
        lists: Every list that counts; they may hold other entries, too.
        statistics: Of the space.
    """
    return rounded(added(np.zeros(len(numbers)), numbers, lists, statistics))


def rounded(total: Scores) -> Scores:
    """Sums of the same parts in another order differ in the last digits; equal ones shall be equal."""
    return np.round(total, _DIGITS)


def added(total: Scores, numbers: Numbers, lists: Sequence[Weighted], statistics: Statistics) -> Scores:
    """Sums with what further lists add to them, not `rounded` yet; see `score`."""
    total = total.copy()
    if not len(numbers):
        return total
    mean = statistics.mean_length
    first, last = int(numbers[0]), int(numbers[-1])
    span = last - first + 1
    # Where numbers lie close a table of them all is cheaper than to look each up.
    table = np.zeros(span) if span <= max(_SPAN, _SPREAD * len(numbers)) else None
    places: np.ndarray | slice
    if table is not None:
        table[numbers - first] = total
    for _term, columns, weight, frequency in _distinct(lists):
        known = min(frequency, statistics.entries)
        rarity = np.log(1 + (statistics.entries - known + 0.5) / (known + 0.5))
        if table is not None and len(columns.numbers) <= _FEWER * len(numbers):
            start, end = np.searchsorted(columns.numbers, [first, last + 1])
            mine: np.ndarray | slice = slice(start, end)
            places, sums = columns.numbers[start:end] - first, table
        else:
            mine, places = _picked(columns.numbers, numbers)
            sums = total
            if table is not None:
                places, sums = numbers[places] - first, table
        often = columns.counts[mine] * weight
        lengths = columns.lengths[mine]
        sums[places] += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * lengths / mean))
    return total if table is None else table[numbers - first]


def is_dense(first: int, last: int, postings: int) -> bool:
    """Whether a table of all numbers from `first` to `last` is worth its while for so many postings."""
    return last - first < max(_SPAN, _SPREAD * postings)


class Sums:
    """Sums of all entries of some lists, which are given one after the other: only one need be in memory.

    Args:
        first: No entry is below.
        last: None is above.
        statistics: Of the space.
    """

    def __init__(self, first: int, last: int, statistics: Statistics) -> None:
        # Memory that nobody touches costs nothing: numbers that begin near 0 need no other table.
        self._first = 0 if last <= _FEWER * (last - first) else first
        self._table = np.zeros(last - self._first + 1)
        self._statistics = statistics

    def add(self, lists: Iterable[Weighted]) -> None:
        """Further lists, or parts of them; each entry of a term once."""
        entries, mean = self._statistics.entries, self._statistics.mean_length
        for _term, columns, weight, frequency in lists:
            known = min(frequency, entries)
            rarity = math.log(1 + (entries - known + 0.5) / (known + 0.5))
            often = columns.counts * weight
            # In place: memory that was not used before costs more than the sums.
            parts = columns.lengths * (K1 * B / mean)
            parts += K1 * (1 - B)
            parts += often
            np.divide(often, parts, out=parts)
            parts *= rarity * (K1 + 1)
            places = columns.numbers - self._first if self._first else columns.numbers
            np.add.at(self._table, places, parts)

    def found(self) -> tuple[Numbers, Scores]:
        """All entries of the lists, rising, and their sums, not `rounded` yet; see `score`."""
        # What is in a list has a sum above 0.
        places = np.flatnonzero(self._table)
        return places + self._first, self._table[places]


def _picked(held: Numbers, numbers: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Where in a list those are that are among `numbers`, and where there."""
    if len(numbers) * _FEWER < len(held):
        # What is searched for is the shorter of both.
        places = np.minimum(np.searchsorted(held, numbers), len(held) - 1)
        found = np.flatnonzero(held[places] == numbers)
        return places[found], found
    places = np.minimum(np.searchsorted(numbers, held), len(numbers) - 1)
    found = np.flatnonzero(numbers[places] == held)
    return found, places[found]


def _distinct(lists: Sequence[Weighted]) -> list[Weighted]:
    """Words of a query may have terms in common; each counts once, by its largest weight."""
    kept: dict[bytes, Weighted] = {}
    for one in lists:
        if len(one.columns.numbers) and (one.term not in kept or one.weight > kept[one.term].weight):
            kept[one.term] = one
    return list(kept.values())


def best(numbers: Numbers, scores: Scores, needed: int) -> tuple[Numbers, Scores]:
    """The entries that may be among the first `needed`: as many, and those that share the last one's score."""
    if len(numbers) <= needed:
        return numbers, scores
    last = np.partition(scores, len(scores) - needed)[len(scores) - needed]
    above, tied = scores > last, np.flatnonzero(scores == last)
    chosen = np.concatenate([np.flatnonzero(above), tied[-max(needed, MAX_TIES) :]])
    return numbers[chosen], scores[chosen]
