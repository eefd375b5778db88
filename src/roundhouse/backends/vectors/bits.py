"""One bit per dimension of each vector: which ones may be near, for a 32nd of the memory traffic of a dot product.

A bit says whether the component is above the index's mean. Two vectors at the angle `a`, seen from the mean, differ in
about a / pi of their bits (Charikar, "Similarity estimation techniques from rounding algorithms", 2002); how far from
that they are is measured on the index's own vectors. So from what is nearest among a few candidates follows within how
many bits everything that is as near must lie.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Words = NDArray[np.uint64]
Distances = NDArray[np.uint16]

FAR = 65_535
"""The distance of what is not to be found."""

# Rows that are packed, or compared, at a time: they stay in the processor's cache.
COMPARED = 16_384
_SAMPLE = 20_000
# Vectors that are compared with each other to see how much their bits tell.
_PAIRED = 256
# So many standard deviations beyond what is expected are looked at: one in a hundred lies farther out.
_DEVIATIONS = 2.33


class Bits(NamedTuple):
    """The bits of each row.

    Attributes:
        words: uint64 [words of a row, capacity].
        mean: float32 [dimensions], what the components are compared with.
        spread: How much farther from the expected distance vectors are than if every bit were drawn by itself.
        rows: How many rows there were when mean and spread were taken.
        size: How many rows have their bits.
    """

    words: Words
    mean: Numbers
    spread: float
    rows: int
    size: int

    @classmethod
    def measured(cls, vectors: Numbers, size: int) -> Bits:
        """Without bits yet, for the first `size` of float32 [capacity, dimensions]."""
        step = max(1, size // _SAMPLE)
        mean = vectors[:size:step].mean(axis=0, dtype=np.float64).astype(np.float32)
        capacity, dimensions = vectors.shape
        words = np.zeros((-(-dimensions // 64), capacity), np.uint64)
        return cls(words, mean, _spread(vectors[: size : max(1, size // _PAIRED)], mean), size, 0)

    def grown(self, vectors: Numbers, size: int) -> Bits:
        """With the bits of all up to `size`."""
        for start in range(self.size, size, COMPARED):
            stop = min(start + COMPARED, size)
            self.words[:, start:stop] = packed(vectors[start:stop], self.mean).T
        return self._replace(size=size)

    def distances(self, vector: Numbers, size: int) -> Distances:
        """In how many bits the first rows differ from a vector: uint16 [size]."""
        wanted = packed(vector[None], self.mean)[0]
        distances = np.empty(size, np.uint16)
        differing = np.empty(COMPARED, np.uint64)
        counted, summed = np.empty(COMPARED, np.uint8), np.empty(COMPARED, np.uint8)
        for start in range(0, size, COMPARED):
            stop = min(start + COMPARED, size)
            some, count, few = (one[: stop - start] for one in (differing, counted, summed))
            for place, word in enumerate(wanted):
                np.bitwise_xor(self.words[place, start:stop], word, out=some)
                # Three words have 192 bits: sums of bytes are taken in a fraction of the time.
                if place % 3 == 0:
                    np.bitwise_count(some, out=few)
                else:
                    np.bitwise_count(some, out=count)
                    np.add(few, count, out=few)
                if place == 2 or (place < 2 and place == len(wanted) - 1):
                    distances[start:stop] = few
                elif place % 3 == 2 or place == len(wanted) - 1:
                    distances[start:stop] += few
        return distances

    def reach(self, vector: Numbers, found: Numbers) -> int:
        """Within how many bits nearly everything lies that is as near as the farthest of those that were found.

        Args:
            vector: float32 [dimensions], what is looked for.
            found: float32 [rows, dimensions].
        """
        asked, others = vector - self.mean, found - self.mean
        lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(asked)
        cosines = (others @ asked) / np.maximum(lengths, np.finfo(np.float32).tiny)
        dimensions = len(vector)
        share = float(np.arccos(np.clip(cosines.min(), -1, 1)) / np.pi)
        deviation = self.spread * math.sqrt(dimensions * share * (1 - share))
        return min(FAR - 1, int(dimensions * share + _DEVIATIONS * deviation) + 1)


def packed(vectors: Numbers, mean: Numbers) -> Words:
    """uint64 [rows, words of a row]."""
    bits = np.packbits(vectors > mean, axis=1)
    words = -(-vectors.shape[1] // 64)
    if bits.shape[1] == 8 * words:
        return bits.view(np.uint64)
    padded = np.zeros((len(vectors), 8 * words), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)


def nearest(distances: Distances, count: int) -> int:
    """The distance within which there are at least so many, or all but the far ones where these are fewer."""
    beyond = np.cumsum(np.bincount(distances)[:FAR]) >= count
    return int(beyond.argmax()) if beyond[-1] else FAR - 1


def _spread(vectors: Numbers, mean: Numbers) -> float:
    """See `Bits.spread`; at least 1."""
    centred = (vectors - mean).astype(np.float64)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    shares = np.arccos(np.clip(centred @ centred.T, -1, 1)) / np.pi
    words = packed(vectors, mean)
    distances = np.bitwise_count(words[:, None] ^ words[None]).sum(axis=2, dtype=np.int64)
    pairs = np.triu_indices(len(vectors), 1)
    expected = vectors.shape[1] * shares[pairs]
    variances = np.maximum(expected * (1 - shares[pairs]), 1)
    off = float(np.mean((distances[pairs] - expected) ** 2 / variances))
    return max(1.0, math.sqrt(off))
