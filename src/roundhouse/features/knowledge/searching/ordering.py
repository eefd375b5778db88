"""One order of what all stores and queries gave.

The scores of words are measured by the best one of all stores, similarities by the span of all stores whose vectors are
of the same model: so a store that holds nothing of what was asked for does not put its best beside another's. With one
store and one query that is the fusion of its two lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from roundhouse.features.knowledge.fusion import Found, Scale, fuse, ranks, scale
from roundhouse.features.knowledge.searching.shapes import Mode, Scores


class Part(NamedTuple):
    """What one store gave for one query.

    Attributes:
        store: Place of the store.
        query: Place of the query.
        model: Fingerprint of the model of its vectors.
        alpha: What they count.
        dense: Found by vectors, the best first.
        lexical: Found by words, the best first.
    """

    store: int
    query: int
    model: str
    alpha: float
    dense: list[Found]
    lexical: list[Found]


class Candidate(msgspec.Struct):
    """A passage on its way into the answer.

    Attributes:
        number: Of the passage.
        store: Place of its store.
        score: What it is ordered by.
        scores: How that came about.
    """

    number: int
    store: int
    score: float
    scores: Scores


def in_order(parts: Sequence[Part], mode: Mode) -> list[Candidate]:
    """All passages, the best first, each by the query that it fits best."""
    best: dict[int, Candidate] = {}
    for query in sorted({part.query for part in parts}):
        asked = [part for part in parts if part.query == query]
        for part in asked:
            for candidate in _candidates(part, _scale(part, asked, mode), mode):
                known = best.get(candidate.number)
                if known is None or candidate.score > known.score:
                    best[candidate.number] = candidate
    ordered = sorted(best.values(), key=_key)
    for place, candidate in enumerate(ordered, 1):
        candidate.scores = msgspec.structs.replace(candidate.scores, fused_rank=place)
    return ordered


def _key(candidate: Candidate) -> tuple[float, float, int]:
    # What vectors count nothing for is still in their order.
    return -candidate.score, -(candidate.scores.dense or 0.0), candidate.number


def _scale(part: Part, asked: Sequence[Part], mode: Mode) -> Scale:
    of_model = [one.dense for one in asked if one.model == part.model]
    found = scale(of_model, [one.lexical for one in asked])
    # By vectors alone the score is the similarity itself.
    return Scale(0.0, 1.0, found.best) if mode == "dense" else found


def _candidates(part: Part, by: Scale, mode: Mode) -> list[Candidate]:
    similar = {one.passage: one.score for one in part.dense}
    said = {one.passage: one.score for one in part.lexical}
    near_ranks = ranks(one.passage for one in part.dense)
    word_ranks = ranks(one.passage for one in part.lexical)
    alpha = {"dense": 1.0, "lexical": 0.0}.get(mode, part.alpha)
    found = []
    for one in fuse(part.dense, part.lexical, alpha, by):
        score = min(1.0, max(0.0, one.score))
        scores = Scores(
            query=part.query,
            similarity=similar.get(one.passage),
            dense=one.dense if one.passage in similar else None,
            dense_rank=near_ranks.get(one.passage),
            bm25=said.get(one.passage),
            lexical=one.lexical if one.passage in said else None,
            lexical_rank=word_ranks.get(one.passage),
            alpha=alpha,
            fused=score,
            fused_rank=0,
        )
        found.append(Candidate(one.passage, part.store, score, scores))
    return found
