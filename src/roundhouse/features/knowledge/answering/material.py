"""Passages taken apart for one question: their sentences, and what of the question's words each of them holds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import msgspec

from roundhouse.core.language import sentences
from roundhouse.core.language.terms import Term, normalise, text_keys, words
from roundhouse.features.knowledge.answering.ports import Passage

_BACKGROUND = 200
"""Passages that are taken to be in the store besides those that were found, and to hold no word of the question."""

_HELD = 0.5
"""A term held by a looser key than that is not counted as known to a passage."""


class Sentence(msgspec.Struct, frozen=True):
    """A sentence of a passage.

    Attributes:
        passage: Place of its passage among those that were found.
        start: Where it begins in the passage's text.
        end: Behind its last character.
        held: Strength, 0 to 1, by place of the question's term.
    """

    passage: int
    start: int
    end: int
    held: dict[int, float]


class Read(msgspec.Struct, frozen=True):
    """A passage for one question.

    Attributes:
        passage: It.
        sentences: In order.
        held: Strength by place of the question's term, over all its sentences.
        pairs: Neighbouring words of the question that stand side by side in it, by their place.
    """

    passage: Passage
    sentences: tuple[Sentence, ...]
    held: dict[int, float]
    pairs: frozenset[int]


class Material(msgspec.Struct, frozen=True):
    """What was found, for one question.

    Attributes:
        reads: By place, as they were found.
        weights: Of the question's terms: rare ones more.
        pair_weights: Of its pairs of words.
    """

    reads: tuple[Read, ...]
    weights: tuple[float, ...]
    pair_weights: tuple[float, ...]

    def share(self, held: dict[int, float]) -> float:
        """How much of the question's weight some terms are, 0 to 1."""
        total = sum(self.weights)
        return sum(self.weights[term] * worth for term, worth in held.items()) / total if total else 0.0

    def pair_share(self, pairs: Iterable[int]) -> float:
        """How much of the weight of the question's pairs some are, 0 to 1."""
        total = sum(self.pair_weights)
        return sum(self.pair_weights[pair] for pair in pairs) / total if total else 0.0


def read(terms: Sequence[Term], text: str, passages: Sequence[Passage]) -> Material:
    """Take passages apart.

    Args:
        terms: Of the question.
        text: The question.
        passages: What was found, the best first.
    """
    asked = words(normalise(text))
    topic = {key for term in terms for key in term.keys}
    pairs = {
        pair: place
        for place, pair in enumerate(
            dict.fromkeys(pair for pair in itertools.pairwise(asked) if pair[0] in topic or pair[1] in topic)
        )
    }
    by_key: dict[str, list[tuple[int, float]]] = {}
    for number, term in enumerate(terms):
        for key, worth in term.keys.items():
            by_key.setdefault(key, []).append((number, worth))
    known: dict[str, dict[int, float]] = {}
    reads = tuple(_read(place, one, by_key, pairs, known) for place, one in enumerate(passages))
    weights = [
        term.weight * _rarity(len(reads), sum(one.held.get(number, 0.0) > _HELD for one in reads))
        for number, term in enumerate(terms)
    ]
    pair_weights = [_rarity(len(reads), sum(place in one.pairs for one in reads)) for place in pairs.values()]
    return Material(reads, tuple(weights), tuple(pair_weights))


def _rarity(found: int, holding: int) -> float:
    """BM25's idf. What was found is what holds the question's words: a rare one is hardly anywhere else."""
    return math.log(1 + (found + _BACKGROUND - holding + 0.5) / (holding + 0.5))


def _read(
    place: int,
    passage: Passage,
    by_key: dict[str, list[tuple[int, float]]],
    pairs: dict[tuple[str, str], int],
    known: dict[str, dict[int, float]],
) -> Read:
    spans = sentences.split(passage.text)
    found: list[Sentence] = []
    whole: dict[int, float] = {}
    beside: set[int] = set()
    for start, end in spans:
        held: dict[int, float] = {}
        said = words(normalise(passage.text[start:end]))
        for word in said:
            for term, worth in _matches(word, by_key, known).items():
                held[term] = max(worth, held.get(term, 0.0))
        beside.update(pairs[pair] for pair in itertools.pairwise(said) if pair in pairs)
        for term, worth in held.items():
            whole[term] = max(worth, whole.get(term, 0.0))
        found.append(Sentence(place, start, end, held))
    # A heading says what the sentences below it are about.
    for word in words(normalise(" ".join(passage.headings))):
        for term, worth in _matches(word, by_key, known).items():
            whole[term] = max(worth, whole.get(term, 0.0))
    return Read(passage, tuple(found), whole, frozenset(beside))


def _matches(
    word: str, by_key: dict[str, list[tuple[int, float]]], known: dict[str, dict[int, float]]
) -> dict[int, float]:
    hits = known.get(word)
    if hits is None:
        hits = {}
        for key in text_keys(word):
            for term, worth in by_key.get(key, ()):
                hits[term] = max(worth, hits.get(term, 0.0))
        known[word] = hits
    return hits
