"""Not the same thing ten times: passages that say what a better one says already come later.

Maximal marginal relevance (Carbonell and Goldstein 1998). How alike two passages are is told by their words, weighed by
how rare these are among the candidates: that works with every embedding model, and with none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from roundhouse.infra.search.analyser import analyse, cleaned

_MOST_CHARS = 4_000


def diverse(texts: Sequence[str], scores: Sequence[float], relevance: float, most: int) -> list[int]:
    """Places of the passages in their new order.

    Args:
        texts: Of the passages, the best first.
        scores: 0 to 1.
        relevance: 1 = the order stays, 0 = only difference counts.
        most: So many are wanted.
    """
    words = _weighed(texts)
    left = list(range(len(texts)))
    nearest = [0.0] * len(texts)
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(left, key=lambda one: (relevance * scores[one] - (1 - relevance) * nearest[one], -one))
        left.remove(best)
        chosen.append(best)
        for one in left:
            nearest[one] = max(nearest[one], _cosine(words[best], words[one]))
    return chosen


def _weighed(texts: Sequence[str]) -> list[dict[bytes, float]]:
    """The terms of each text with their weights, of length 1."""
    counted = [analyse(cleaned(text[:_MOST_CHARS])).terms for text in texts]
    holding = Counter(term for terms in counted for term in terms)
    found = []
    for terms in counted:
        weighed = {
            term: (1 + math.log(often)) * math.log(1 + len(texts) / holding[term])
            for term, often in terms.items()
        }
        length = math.sqrt(sum(weight**2 for weight in weighed.values())) or 1.0
        found.append({term: weight / length for term, weight in weighed.items()})
    return found


def _cosine(one: dict[bytes, float], other: dict[bytes, float]) -> float:
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other[term] for term, weight in one.items() if term in other)
