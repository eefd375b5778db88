"""Summarises by ranking sentences: TextRank over topic words; the chosen ones keep their order.

The similarity of two sentences is the cosine of their weighted word counts. The matrix of all pairs is never made:
each step multiplies by the sparse sentence-by-word matrix and back, so the time grows with the text, not its square.

Source:
    Mihalcea and Tarau, "TextRank: Bringing Order into Text" (EMNLP 2004): ranking of sentences by a random walk.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from roundhouse.backends.extractive.conversation import Sentence
from roundhouse.core.errors import Cancelled
from roundhouse.core.language.terms import Term, normalise, text_keys, topic_words, words

MAX_RANKED = 2000
"""Of more sentences those nearest to the centre of the text are ranked."""

MOST = 7
"""Longest summary when no length is asked for."""

_SHARE = 0.2
_DAMPING = 0.85
_STEPS = 20
_LEAD_BONUS = 0.12
_TOO_ALIKE = 0.65
_SHORT_WORDS = 4
_TOPIC_BONUS = 12.0

Vector = dict[str, float]


def choose(
    material: Sequence[Sentence], topic: Sequence[Term], count: int | None, should_stop: Callable[[], bool]
) -> list[int]:
    """Places in `material` of the sentences of a summary, in order.

    Args:
        material: Sentences in order.
        topic: What the summary shall be about; empty = the whole.
        count: How many sentences; None = a fifth, 1 to `MOST`.
        should_stop: Asked now and then.

    Raises:
        Cancelled: `should_stop` said yes.
    """
    places = [place for place, item in enumerate(material) if not item.question and not item.rule]
    if not places:
        return []
    if count is None:
        count = max(1, min(MOST, math.ceil(len(places) * _SHARE)))
    vectors = _vectors([material[place] for place in places], should_stop)
    central = _centrality(vectors, should_stop)
    scores = {
        number: (score + 1e-9)
        * _form(material, places, number, vectors[number])
        * _bearing(material[places[number]].text, topic)
        for number, score in central.items()
    }
    return sorted(places[number] for number in _unlike(scores, vectors, count))


def _vectors(material: Sequence[Sentence], should_stop: Callable[[], bool]) -> list[Vector]:
    """Weighted topic words of each sentence, of length 1 (or empty)."""
    counts: list[Counter[str]] = []
    for place, sentence in enumerate(material):
        if place % 256 == 0 and should_stop():
            raise Cancelled
        counts.append(Counter(topic_words(sentence.text, sentence.language)))
    holding: Counter[str] = Counter()
    for counted in counts:
        holding.update(counted.keys())
    total = len(counts)
    vectors: list[Vector] = []
    for counted in counts:
        vector = {
            word: (1 + math.log(number)) * (math.log((1 + total) / (1 + holding[word])) + 1)
            for word, number in counted.items()
        }
        length = math.sqrt(sum(value * value for value in vector.values()))
        vectors.append({word: value / length for word, value in vector.items()} if length else {})
    return vectors


def _centrality(vectors: Sequence[Vector], should_stop: Callable[[], bool]) -> dict[int, float]:
    """The share of a random walk that each sentence gets, by its number."""
    chosen = list(range(len(vectors)))
    if len(chosen) > MAX_RANKED:
        centre = _sum(vectors, [1.0] * len(vectors))
        nearness = [_dot(vector, centre) for vector in vectors]
        chosen = sorted(sorted(chosen, key=lambda number: (-nearness[number], number))[:MAX_RANKED])
    kept = [vectors[number] for number in chosen]
    size = len(kept)
    everything = _sum(kept, [1.0] * size)
    # A sentence's likeness to all others; its likeness to itself is 1.
    degrees = [max(_dot(vector, everything) - 1.0, 0.0) if vector else 0.0 for vector in kept]
    ranks = [1.0 / size] * size
    for _ in range(_STEPS):
        if should_stop():
            raise Cancelled
        flows = [rank / degree if degree > 1e-9 else 0.0 for rank, degree in zip(ranks, degrees, strict=True)]
        gathered = _sum(kept, flows)
        ranks = [
            (1 - _DAMPING) / size + _DAMPING * max(_dot(vector, gathered) - flow, 0.0)
            for vector, flow in zip(kept, flows, strict=True)
        ]
    return dict(zip(chosen, ranks, strict=True))


def _sum(vectors: Sequence[Vector], factors: Sequence[float]) -> Vector:
    total: Vector = {}
    for vector, factor in zip(vectors, factors, strict=True):
        if factor:
            for word, value in vector.items():
                total[word] = total.get(word, 0.0) + factor * value
    return total


def _dot(vector: Vector, other: Vector) -> float:
    return sum(value * other.get(word, 0.0) for word, value in vector.items())


def _form(material: Sequence[Sentence], places: Sequence[int], number: int, vector: Vector) -> float:
    """Headings and scraps count less, the first sentence of a message a little more."""
    sentence = material[places[number]]
    factor = 1.0
    if len(vector) < _SHORT_WORDS:
        factor *= 0.35
    if sentence.text[-1:] not in '.!?。！？…"”’)）':
        factor *= 0.6
    if number == 0 or material[places[number - 1]].turn != sentence.turn:
        factor *= 1 + _LEAD_BONUS
    return factor


def _bearing(sentence: str, topic: Sequence[Term]) -> float:
    """1.0 and more, the more of the topic a sentence holds."""
    if not topic:
        return 1.0
    keys = {key for word in words(normalise(sentence)) for key in text_keys(word)}
    held = sum(max((worth for key, worth in term.keys.items() if key in keys), default=0.0) for term in topic)
    return 1.0 + _TOPIC_BONUS * held / len(topic)


def _unlike(scores: dict[int, float], vectors: Sequence[Vector], count: int) -> list[int]:
    """The best, without those that say what a chosen one says already."""
    picked: list[int] = []
    spare: list[int] = []
    for number in sorted(scores, key=lambda key: (-scores[key], key)):
        if len(picked) == count:
            break
        alike = any(_dot(vectors[number], vectors[other]) > _TOO_ALIKE for other in picked)
        (spare if alike else picked).append(number)
    return (picked + spare)[:count]
