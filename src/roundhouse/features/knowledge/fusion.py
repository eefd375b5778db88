"""Two lists made one: passages found by their vectors and by their words, weighed against each other.

Source: a comparison on questions in English, Vietnamese, Chinese and Hebrew. Ranks that count equally (reciprocal rank
fusion) lost up to two thirds of what the words alone find where the embedding model does not know the language; this
sum of scaled scores, with a weight that is measured for each store, lost nothing in any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

CANDIDATES = 50
"""Passages that each side gives."""

_TINY = 1e-9


class Found(NamedTuple):
    """A passage in one list: its number, and its score there."""

    passage: int
    score: float


class Scale(NamedTuple):
    """What the scores of lists are measured by; of several stores that are searched together it is one.

    Attributes:
        lowest: Smallest similarity of a list of vectors.
        highest: Largest one.
        best: Largest score of a list of words.
    """

    lowest: float
    highest: float
    best: float

    def dense(self, similarity: float) -> float:
        """A similarity, 0 to 1: the last of the list gets 0, like what is not in it."""
        if self.highest <= self.lowest:
            return 1.0
        return (similarity - self.lowest) / (self.highest - self.lowest + _TINY)

    def lexical(self, score: float) -> float:
        """A score of words, 0 to 1."""
        return score / self.best if self.best > 0 else 0.0


class Fused(NamedTuple):
    """A passage after both lists were made one.

    Attributes:
        passage: Its number.
        score: 0 to 1, the higher the better.
        dense: Its scaled similarity; 0 where it is not in that list.
        lexical: Its scaled score of words; 0 likewise.
    """

    passage: int
    score: float
    dense: float
    lexical: float


def scale(dense: Iterable[Sequence[Found]], lexical: Iterable[Sequence[Found]]) -> Scale:
    """The measure of some lists that are compared with one another."""
    similarities = [one.score for part in dense for one in part]
    scores = [one.score for part in lexical for one in part]
    return Scale(min(similarities, default=0.0), max(similarities, default=0.0), max(scores, default=0.0))


def fuse(
    dense: Sequence[Found], lexical: Sequence[Found], alpha: float, by: Scale | None = None
) -> list[Fused]:
    """One list of two, the best first; equal ones by similarity, then by number.

    Args:
        dense: Found by vectors, the best first.
        lexical: Found by words, the best first.
        alpha: What the vectors count, 0 to 1; the words count the rest.
        by: Measure of the scores; None = of these two lists.
    """
    by = by or scale([dense], [lexical])
    near = {one.passage: by.dense(one.score) for one in dense}
    said = {one.passage: by.lexical(one.score) for one in lexical}
    fused = [
        Fused(
            passage,
            alpha * near.get(passage, 0.0) + (1 - alpha) * said.get(passage, 0.0),
            near.get(passage, 0.0),
            said.get(passage, 0.0),
        )
        for passage in {**near, **said}
    ]
    return sorted(fused, key=lambda one: (-one.score, -one.dense, one.passage))


def ranks(found: Iterable[int]) -> Mapping[int, int]:
    """The place of each, from 1."""
    return {passage: place for place, passage in enumerate(found, 1)}
