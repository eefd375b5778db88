"""Figures of retrieval, each over the ranks at which what was looked for was found."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

Rank = int | None
"""Place of the first right passage, from 1; None = it was not found."""

MRR_DEPTH = 10


class Quality(msgspec.Struct, frozen=True):
    """How well questions were answered.

    Attributes:
        questions: How many.
        recall_at_1: Share of questions whose first passage is right.
        recall_at_3: Share with a right one among the first 3.
        recall_at_5: Among the first 5.
        recall_at_10: Among the first 10.
        ndcg_at_10: Normalised discounted cumulative gain of the first 10, one right passage a question.
        mrr_at_10: Mean of 1/rank, 0 beyond the tenth.
    """

    questions: int
    recall_at_1: float
    recall_at_3: float
    recall_at_5: float
    recall_at_10: float
    ndcg_at_10: float
    mrr_at_10: float


def recall_at(ranks: Sequence[Rank], depth: int) -> float:
    """Share of questions with a right passage among the first `depth`; 0 without questions."""
    return _mean([rank is not None and rank <= depth for rank in ranks])


def mrr(ranks: Sequence[Rank], depth: int = MRR_DEPTH) -> float:
    """Mean of 1/rank, 0 beyond `depth`; 0 without questions."""
    return _mean([1 / rank if rank is not None and rank <= depth else 0.0 for rank in ranks])


def ndcg(ranks: Sequence[Rank], depth: int = MRR_DEPTH) -> float:
    """Mean of 1/log2(rank + 1), 0 beyond `depth`: nDCG where one passage is right for each question."""
    return _mean([1 / math.log2(rank + 1) if rank is not None and rank <= depth else 0.0 for rank in ranks])


def quality(ranks: Sequence[Rank]) -> Quality:
    """All figures."""
    return Quality(
        questions=len(ranks),
        recall_at_1=recall_at(ranks, 1),
        recall_at_3=recall_at(ranks, 3),
        recall_at_5=recall_at(ranks, 5),
        recall_at_10=recall_at(ranks, 10),
        ndcg_at_10=ndcg(ranks),
        mrr_at_10=mrr(ranks),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all values is, by nearest rank; 0 without values.

    Args:
        values: In any order.
        share: 0 to 1, e.g. 0.95.
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def mean_by_chance(candidates: int, depth: int = MRR_DEPTH) -> float:
    """The `mrr` of somebody who puts so many passages in an order at random."""
    if candidates < 1:
        return 0.0
    return sum(1 / rank for rank in range(1, min(candidates, depth) + 1)) / candidates


def _mean(values: Sequence[float | bool]) -> float:
    return sum(values) / len(values) if values else 0.0
