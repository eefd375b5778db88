"""Both sides of a search over some passages in memory, for measuring: the house's analyser, ranking and vectors.

Nothing of it is written anywhere, so sentences can be taken out of passages on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from roundhouse.features.knowledge.fusion import CANDIDATES, Found
from roundhouse.infra.search.analyser import analyse, cleaned
from roundhouse.infra.search.parsing import MAX_QUERY_CHARS, parse
from roundhouse.infra.search.postings import Columns
from roundhouse.infra.search.ranking import Statistics, Weighted, score, union

if TYPE_CHECKING:
    from roundhouse.features.knowledge.embedding.model import Vectors


class WordArm:
    """Finds by words.

    Args:
        texts: Of the passages; their places are their numbers.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        lengths = np.zeros(len(texts), np.int64)
        where: dict[bytes, list[int]] = {}
        often: dict[bytes, list[int]] = {}
        for place, text in enumerate(texts):
            analysis = analyse(cleaned(text))
            lengths[place] = analysis.length
            for term, count in analysis.terms.items():
                where.setdefault(term, []).append(place)
                often.setdefault(term, []).append(count)
        self._statistics = Statistics(len(texts), int(lengths.sum()))
        self._columns = {
            term: _columns(np.array(places, np.int64), np.array(often[term], np.int64), lengths)
            for term, places in where.items()
        }

    def best(self, query: str, limit: int = CANDIDATES) -> list[Found]:
        """Passages that have any of the words, by BM25, the best first; equal ones by their place."""
        lists = []
        for word in parse(query[:MAX_QUERY_CHARS], quotes=False).words:
            for one in word.wanted:
                columns = self._columns.get(one.term)
                if columns is not None:
                    lists.append(Weighted(one.term, columns, one.weight, len(columns.numbers)))
        if not lists:
            return []
        numbers = union(lists)
        points = score(numbers, lists, self._statistics)
        order = np.lexsort((numbers, -points))[:limit]
        return [Found(int(numbers[one]), float(points[one])) for one in order]


def _columns(places: np.ndarray, counts: np.ndarray, lengths: np.ndarray) -> Columns:
    return Columns(places, counts, lengths[places], np.zeros(len(places)))


class VectorArm:
    """Finds by vectors: the best chunk speaks for its passage.

    Args:
        owners: Place of the passage of each chunk, rising.
        vectors: float32 [chunks, dimensions], of length 1.
    """

    def __init__(self, owners: Sequence[int], vectors: Vectors) -> None:
        self._owners, self._starts = np.unique(np.array(owners, np.int64), return_index=True)
        self._vectors = vectors

    def best(self, query: Vectors, limit: int = CANDIDATES) -> list[Found]:
        """The nearest passages, the best first; equal ones by their place.

        Args:
            query: float32 [dimensions], of length 1.
            limit: Most passages.
        """
        if not len(self._owners):
            return []
        similarities = np.maximum.reduceat(self._vectors @ query, self._starts)
        order = np.lexsort((self._owners, -similarities))[:limit]
        return [Found(int(self._owners[one]), float(similarities[one])) for one in order]
