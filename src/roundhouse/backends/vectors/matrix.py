"""The vectors of an index in memory: exact search, and a prefilter by one bit per dimension for large ones.

The nearest by their bits (`bits`) get their exact similarity, and then all others that may be as near as those. Where
the bits tell little, that is many of them, and every row is looked at.

A `Matrix` that is searched never changes: what comes later is written behind its rows, and a new one knows of them.
So searches in other threads need no lock. Dot products go row by row (`vecdot`): a product of the whole matrix would
wait for several BLAS threads, which is slower by far when another process holds a core.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roundhouse.backends.vectors.bits import FAR, Bits, Distances, Numbers, nearest
from roundhouse.core.vectors import MAX_CHUNKS, Match, VectorQuery

EXACT_ROWS = 8192
"""Up to so many rows every one is looked at: the prefilter would save less than a millisecond."""

# With fewer, bits tell too little apart, and whole vectors are small.
_LEAST_DIMENSIONS = 128
# Chunks that get their exact similarity at first, and how many more for each passage that is wanted.
_CANDIDATES = 64
_CANDIDATES_EACH = 16
# Gathering a row costs as much as going through so many that lie together.
_GATHERING = 4
# Rows that are gathered at a time: they stay in the processor's cache.
_GATHERED = 2048
_GROWTH = 1.25
_LAST_KEY = 2**63 - 1

Keys = NDArray[np.int64]
Rows = NDArray[np.intp]


class Block(NamedTuple):
    """Vectors of one document that were written together; without any, all of that document are gone.

    Attributes:
        document: Its number.
        keys: int64 [rows], ascending: `core.vectors.key_of` passage and place.
        vectors: float32 [rows, dimensions].
    """

    document: int
    keys: Keys
    vectors: Numbers


class Span(NamedTuple):
    """Rows of one document that lie together, and between which keys they are."""

    start: int
    stop: int
    first_key: int
    last_key: int


def bytes_of(rows: int, dimensions: int) -> int:
    """What so many rows take in memory."""
    words = -(-dimensions // 64) if rows > EXACT_ROWS and dimensions >= _LEAST_DIMENSIONS else 0
    return rows * (4 * dimensions + 8 * words + 8)


class Matrix:
    """Rows of an index as of one of its changes.

    Args:
        vectors: float32 [capacity, dimensions].
        keys: int64 [capacity].
        size: Rows that are filled.
        spans: Rows of each document, in the order in which they were written.
        dead: Rows that are no more.
        seen: The last change that is in it.
        bits: None = not made (yet).
    """

    def __init__(
        self,
        vectors: Numbers,
        keys: Keys,
        size: int,
        spans: dict[int, tuple[Span, ...]],
        dead: tuple[Span, ...],
        seen: int,
        bits: Bits | None,
    ) -> None:
        self._vectors = vectors
        self._keys = keys
        self._size = size
        self._spans = spans
        self._dead = dead
        self._bits = bits
        self.seen = seen

    @classmethod
    def empty(cls, dimensions: int, capacity: int) -> Matrix:
        """One without rows, with room for so many."""
        vectors = np.empty((capacity, dimensions), np.float32)
        return cls(vectors, np.empty(capacity, np.int64), 0, {}, (), 0, None)

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return self._size - sum(span.stop - span.start for span in self._dead)

    @property
    def held_bytes(self) -> int:
        """What it takes in memory."""
        words = 0 if self._bits is None else self._bits.words.nbytes
        return self._vectors.nbytes + self._keys.nbytes + words

    def extended(self, blocks: Sequence[Block], seen: int) -> Matrix:
        """One with later changes, in their order; without bits for them, see `indexed`."""
        more = sum(len(block.keys) for block in blocks)
        start = self._roomy(more)
        vectors, keys, size = start._vectors, start._keys, start._size
        spans, dead = dict(start._spans), list(start._dead)
        growing: dict[int, _Growing] = {}
        for block in blocks:
            rows = len(block.keys)
            if not rows:
                grown = growing.pop(block.document, None)
                gone = spans.pop(block.document, ())
                dead.extend(gone if grown is None else grown.spans)
                continue
            here = growing.get(block.document)
            if here is None:
                here = growing[block.document] = _Growing(spans.get(block.document, ()))
            first, last = int(block.keys[0]), int(block.keys[-1])
            if here.first_key <= last and first <= here.last_key:
                here.spans = _without(here.spans, keys, block.keys, dead)
            vectors[size : size + rows] = block.vectors
            keys[size : size + rows] = block.keys
            here.add(Span(size, size + rows, first, last))
            size += rows
        spans |= {document: tuple(here.spans) for document, here in growing.items()}
        return Matrix(vectors, keys, size, spans, tuple(dead), seen, start._bits)

    def indexed(self) -> Matrix:
        """One whose rows all have their bits, where there are so many that they help."""
        if self._size <= EXACT_ROWS or self._vectors.shape[1] < _LEAST_DIMENSIONS:
            return self
        bits = self._bits
        if bits is None or self._size > 2 * bits.rows:
            bits = Bits.measured(self._vectors, self._size)
        bits = bits.grown(self._vectors, self._size)
        return Matrix(self._vectors, self._keys, self._size, self._spans, self._dead, self.seen, bits)

    def read_bytes(self, query: VectorQuery) -> int:
        """About how much memory a search goes through."""
        row = 4 * self._vectors.shape[1]
        rows = self._size
        if query.only is not None:
            rows = sum(span.stop - span.start for span in self._of(query.only))
        if self._bits is None or query.exact or rows <= EXACT_ROWS:
            return int(rows * row)
        return int(self._bits.words.shape[0] * 8 * self._size)

    def search(self, vector: Numbers, query: VectorQuery) -> list[Match]:
        """See `VectorStore.search`."""
        if query.limit < 1:
            return []
        vector = np.ascontiguousarray(vector, np.float32)
        if query.only is None:
            hidden = [*self._dead, *self._of(query.hidden)]
            if query.exact or self._bits is None or self._size <= EXACT_ROWS:
                similarities = np.vecdot(self._vectors[: self._size], vector)
                for span in hidden:
                    similarities[span.start : span.stop] = -np.inf
                return best(self._keys[: self._size], similarities, query.limit)
            distances = self._bits.distances(vector, self._size)
            for span in hidden:
                distances[span.start : span.stop] = FAR
            return self._filtered(self._bits, vector, distances, query)
        spans = self._of(query.only - query.hidden)
        rows = _rows(spans)
        if query.exact or self._bits is None or len(rows) <= EXACT_ROWS:
            return best(self._keys[rows], self._similarities(rows, vector), query.limit)
        distances = self._bits.distances(vector, self._size)
        wanted = np.full(self._size, FAR, np.uint16)
        for span in spans:
            wanted[span.start : span.stop] = distances[span.start : span.stop]
        return self._filtered(self._bits, vector, wanted, query)

    def _of(self, documents: Iterable[int]) -> list[Span]:
        return [span for document in documents for span in self._spans.get(document, ())]

    def _roomy(self, more: int) -> Matrix:
        """Itself, or a copy with room for more rows and without the dead ones."""
        live = self.rows
        fits = self._size + more <= len(self._keys)
        if fits and self._size - live <= max(EXACT_ROWS, live // 2):
            return self
        capacity = live + more if not live else max(live + more, int(live * _GROWTH))
        other = Matrix.empty(self._vectors.shape[1], capacity)
        size = 0
        for document, spans in self._spans.items():
            kept = []
            for span in spans:
                rows = span.stop - span.start
                other._vectors[size : size + rows] = self._vectors[span.start : span.stop]
                other._keys[size : size + rows] = self._keys[span.start : span.stop]
                kept.append(span._replace(start=size, stop=size + rows))
                size += rows
            other._spans[document] = tuple(kept)
        other._size = size
        return other

    def _similarities(self, rows: Rows, vector: Numbers) -> Numbers:
        if len(rows) and rows[-1] - rows[0] + 1 <= _GATHERING * len(rows):
            together: Numbers = np.vecdot(self._vectors[rows[0] : rows[-1] + 1], vector)
            return together if len(together) == len(rows) else together[rows - rows[0]]
        similarities = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _GATHERED):
            some = rows[start : start + _GATHERED]
            similarities[start : start + len(some)] = np.vecdot(self._vectors[some], vector)
        return similarities

    def _filtered(self, bits: Bits, vector: Numbers, distances: Distances, query: VectorQuery) -> list[Match]:
        """The best of the nearest by bits, and of all others that may be as near as those."""
        wanted = _CANDIDATES + _CANDIDATES_EACH * query.limit
        farthest = nearest(distances, wanted)
        while True:
            # All that are as near as the last one: where the bits tell nothing apart, all are looked at.
            rows = np.flatnonzero(distances <= farthest)
            similarities = self._similarities(rows, vector)
            found = best(self._keys[rows], similarities, query.limit)
            if farthest == FAR - 1:
                return found
            if len(found) == query.limit:
                least = min(found[-1].similarity, float(similarities.max()))
                reach = bits.reach(vector, self._vectors[rows[similarities >= least]])
                if reach <= farthest:
                    return found
                farthest = reach
            else:
                wanted *= 8
                farthest = nearest(distances, wanted)


def best(keys: Keys, similarities: Numbers, limit: int) -> list[Match]:
    """The passages of the most similar chunks, each once, the best first; equal ones by their number.

    Args:
        keys: int64 [rows].
        similarities: float32 [rows]; -inf = not to be found.
        limit: Most passages.
    """
    rows = len(keys)
    taken = min(4 * limit, rows)
    while rows:
        least = -np.inf if taken == rows else np.partition(similarities, rows - taken)[rows - taken]
        some = np.flatnonzero(similarities >= least)
        passages = keys[some] // MAX_CHUNKS
        order = np.lexsort((passages, -similarities[some]))
        found: dict[int, float] = {}
        for passage, similarity in zip(
            passages[order].tolist(), similarities[some[order]].tolist(), strict=True
        ):
            if similarity == -np.inf:
                break
            if passage not in found:
                found[passage] = similarity
                if len(found) == limit:
                    break
        if len(found) == limit or taken == rows:
            return [Match(passage, min(1.0, max(-1.0, one))) for passage, one in found.items()]
        taken = min(4 * taken, rows)
    return []


def _rows(spans: Sequence[Span]) -> Rows:
    if not spans:
        return np.empty(0, np.intp)
    return np.concatenate([np.arange(span.start, span.stop) for span in sorted(spans)])


class _Growing:
    """Rows of a document to which some are added, and between which keys they are.

    Args:
        spans: What there is of it.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = list(spans)
        self.first_key = min((span.first_key for span in self.spans), default=_LAST_KEY)
        self.last_key = max((span.last_key for span in self.spans), default=-1)

    def add(self, new: Span) -> None:
        """Add rows, which are one span with the last ones where they go on from there."""
        last = self.spans[-1] if self.spans else None
        if last is not None and last.stop == new.start and last.last_key < new.first_key:
            self.spans[-1] = last._replace(stop=new.stop, last_key=new.last_key)
        else:
            self.spans.append(new)
        self.first_key = min(self.first_key, new.first_key)
        self.last_key = max(self.last_key, new.last_key)


def _without(spans: Sequence[Span], keys: Keys, gone: Keys, dead: list[Span]) -> list[Span]:
    """What remains of a document's rows when some are written anew; those are dead."""
    first, last = int(gone[0]), int(gone[-1])
    left: list[Span] = []
    for span in spans:
        if span.last_key < first or span.first_key > last:
            left.append(span)
            continue
        again = np.isin(keys[span.start : span.stop], gone)
        for start, stop, is_dead in _runs(again):
            here = keys[span.start + start : span.start + stop]
            run = Span(span.start + start, span.start + stop, int(here.min()), int(here.max()))
            (dead if is_dead else left).append(run)
    return left


def _runs(flags: NDArray[np.bool_]) -> Iterable[tuple[int, int, bool]]:
    """Where runs of equal flags begin and end."""
    edges = [0, *(np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist(), len(flags)]
    return [(start, stop, bool(flags[start])) for start, stop in pairwise(edges)]
