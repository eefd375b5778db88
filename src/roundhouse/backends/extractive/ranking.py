"""Scores sentences by how much they bear on a question and picks the few to quote.

A sentence is worth the questions' terms it holds, rare ones more (BM25 with a background of ordinary sentences, so
that a conversation of three sentences has sensible weights), more when they stand side by side, when it has what an
answer to such a question has (a number, a place, a reason …), and when the sentences beside it are on the topic.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence

import msgspec

from roundhouse.backends.extractive.conversation import Sentence
from roundhouse.core.errors import Cancelled
from roundhouse.core.language import questions
from roundhouse.core.language.detection import Language
from roundhouse.core.language.questions import Question
from roundhouse.core.language.terms import Term, is_cjk, normalise, text_keys, words

MAX_QUOTES = 3
"""Most sentences quoted for one question."""

LEAST_COVERAGE: dict[Language, float] = {"en": 0.28, "vi": 0.28, "zh": 0.24, "he": 0.26}
"""Share of a question's term weight that a sentence and its neighbours must hold to bear on it.

Source:
    Chosen so that of 400 questions each of XQuAD en and vi and of CMRC 2018 at most 7 % stay without a quote from
    their own paragraph, and at least 95 % get none from a foreign one.
"""

_LEAST_OF_TWO = 0.45
# Chinese and Hebrew do not mark names: of two terms the one that is not held may be the one that matters.
_UNMARKED: tuple[Language, ...] = ("zh", "he")

_BACKGROUND = 20
_LENGTH_NORM = 0.2
_PAIR_BONUS = 0.35
_NEIGHBOUR = 0.3
_HINT = 0.3
_HAS_CUE, _NO_CUE = 1.35, 0.8
_NEAR_BEST = 0.66
_UNKNOWN_NAME = 2.0


class _Match(msgspec.Struct):
    """What one sentence holds of a question: strength by term, neighbouring pairs, length in words."""

    strengths: dict[int, float]
    pairs: int
    length: int


class _Scored(msgspec.Struct):
    place: int
    score: float
    covered: frozenset[int]


def choose(
    question: Question, material: Sequence[Sentence], should_stop: Callable[[], bool], limit: int = MAX_QUOTES
) -> list[int]:
    """Places in `material` of the sentences to quote for one question, best first; empty = none bears on it.

    Args:
        question: Taken apart.
        material: Sentences in order.
        should_stop: Asked now and then.
        limit: Most places.

    Raises:
        Cancelled: `should_stop` said yes.
    """
    if not question.terms and not question.hints:
        return _by_kind(question, material, limit)
    scored = _by_terms(question, material, should_stop)
    if not scored and not question.terms:
        return _by_kind(question, material, limit)
    return _pick(scored, limit)


def _by_kind(question: Question, material: Sequence[Sentence], limit: int) -> list[int]:
    """Answers to a question without a topic, such as "What is my name?": known by their cues alone."""
    found: list[int] = []
    for kind in question.kinds[:limit]:
        best: tuple[float, int] | None = None
        for place, sentence in enumerate(material):
            worth = _worth_of_kind(kind, question, sentence)
            # The later one wins: who tells a name twice has corrected it.
            if worth > 0 and (best is None or (worth, place) >= best):
                best = (worth, place)
        if best is not None and best[1] not in found:
            found.append(best[1])
    return found


def _worth_of_kind(kind: questions.Kind, question: Question, sentence: Sentence) -> float:
    if sentence.question:
        return 0.0
    text = unicodedata.normalize("NFC", sentence.text)
    if question.own:
        if sentence.role != "user":
            return 0.0
        if kind in ("name", "who"):
            return questions.tells_own_name(text, sentence.language)
        if not questions.can_answer(kind, text, sentence.language):
            return 0.0
        if questions.speaks_of_self(text, sentence.language):
            return 1.0
        return 0.5 if sentence.personal else 0.0
    if question.yours:
        told = sentence.role in ("system", "developer") and questions.addresses_reader(
            text, sentence.language
        )
        return float(
            told and (kind in ("name", "who") or questions.can_answer(kind, text, sentence.language))
        )
    return float(not sentence.rule and questions.can_answer(kind, text, sentence.language))


def _by_terms(
    question: Question, material: Sequence[Sentence], should_stop: Callable[[], bool]
) -> list[_Scored]:
    """Sentences that hold enough of the question, best first."""
    terms = [*question.terms, *question.hints]
    matches = _match_all(terms, material, should_stop)
    weights = _weights(terms, matches, hints_from=len(question.terms))
    asked = sum(weights[: len(question.terms)])
    average = sum(match.length for match in matches) / max(len(matches), 1) or 1.0
    bases = [_base(match, weights, average) for match in matches]
    least = _least(question)
    scored: list[_Scored] = []
    for place, sentence in enumerate(material):
        if sentence.question or (sentence.rule and not question.yours):
            continue
        own = matches[place].strengths
        around = _around(material, matches, place)
        held = sum(weights[term] * strength for term, strength in own.items() if term < len(question.terms))
        nearby = sum(
            weights[term] * (strength - own.get(term, 0.0))
            for term, strength in around.items()
            if term < len(question.terms) and strength > own.get(term, 0.0)
        )
        led = _led_by_question(material, bases, place)
        if (asked and held + _NEIGHBOUR * nearby < least * asked and not led) or not (own or led):
            continue
        score = bases[place] + _NEIGHBOUR * nearby + led
        scored.append(_Scored(place, score * _fitness(question, sentence), frozenset(own)))
    scored.sort(key=lambda item: (-item.score, item.place))
    return scored


def _least(question: Question) -> float:
    if question.language in _UNMARKED and len(question.terms) <= 2:
        return _LEAST_OF_TWO
    return LEAST_COVERAGE[question.language]


def _match_all(
    terms: Sequence[Term], material: Sequence[Sentence], should_stop: Callable[[], bool]
) -> list[_Match]:
    by_key: dict[str, list[tuple[int, float]]] = {}
    for number, term in enumerate(terms):
        for key, worth in term.keys.items():
            by_key.setdefault(key, []).append((number, worth))
    single = [
        (key, number) for key, found in by_key.items() if len(key) == 1 and is_cjk(key) for number, _ in found
    ]
    known: dict[str, dict[int, float]] = {}
    matches: list[_Match] = []
    for place, sentence in enumerate(material):
        if place % 256 == 0 and should_stop():
            raise Cancelled
        match = _match(sentence.text, by_key, known)
        # Texts are cut in pairs of characters: a question's single one is looked for as it is.
        match.strengths.update((number, 1.0) for key, number in single if key in sentence.text)
        matches.append(match)
    return matches


def _match(
    text: str, by_key: dict[str, list[tuple[int, float]]], known: dict[str, dict[int, float]]
) -> _Match:
    strengths: dict[int, float] = {}
    pairs = 0
    before: dict[int, float] = {}
    found = words(normalise(text))
    for word in found:
        hits = known.get(word)
        if hits is None:
            hits = {}
            for key in text_keys(word):
                for term, worth in by_key.get(key, ()):
                    hits[term] = max(worth, hits.get(term, 0.0))
            known[word] = hits
        for term, worth in hits.items():
            if worth > strengths.get(term, 0.0):
                strengths[term] = worth
            if term - 1 in before:
                pairs += 1
        before = hits
    return _Match(strengths, pairs, len(found))


def _weights(terms: Sequence[Term], matches: Sequence[_Match], *, hints_from: int) -> list[float]:
    """Weight of each term: rare ones more."""
    holding = [0] * len(terms)
    for match in matches:
        for term in match.strengths:
            holding[term] += 1
    total = len(matches) + _BACKGROUND
    weights: list[float] = []
    for number, (asked, count) in enumerate(zip(terms, holding, strict=True)):
        weight = asked.weight * math.log(1 + (total - count + 0.5) / (count + 0.5))
        if number >= hints_from:
            weight *= _HINT
        elif asked.name and not count:
            weight *= _UNKNOWN_NAME
        weights.append(weight)
    return weights


def _base(match: _Match, weights: Sequence[float], average: float) -> float:
    if not match.strengths:
        return 0.0
    held = sum(weights[term] * strength for term, strength in match.strengths.items())
    norm = 1 - _LENGTH_NORM + _LENGTH_NORM * min(match.length / average, 4.0)
    return (held + _PAIR_BONUS * min(match.pairs, 6)) / norm


def _around(material: Sequence[Sentence], matches: Sequence[_Match], place: int) -> dict[int, float]:
    """What the sentences right beside one hold, of the same message."""
    found: dict[int, float] = {}
    for beside in (place - 1, place + 1):
        if 0 <= beside < len(material) and material[beside].turn == material[place].turn:
            for term, strength in matches[beside].strengths.items():
                found[term] = max(strength, found.get(term, 0.0))
    return found


def _led_by_question(material: Sequence[Sentence], bases: Sequence[float], place: int) -> float:
    """In a list of questions and answers, the answer gets the worth of the question before it."""
    before = place - 1
    if before < 0 or not material[before].question or material[before].turn != material[place].turn:
        return 0.0
    return bases[before]


def _fitness(question: Question, sentence: Sentence) -> float:
    """How well the sentence suits the kind of question, around 1.0."""
    text = unicodedata.normalize("NFC", sentence.text)
    factor = 1.0
    if question.kinds:
        cued = any(questions.can_answer(kind, text, sentence.language) for kind in question.kinds)
        factor *= _HAS_CUE if cued else _NO_CUE
    if question.own:
        own = sentence.role == "user" and questions.speaks_of_self(text, sentence.language)
        factor *= 1.3 if own else 0.8
    return factor


def _pick(scored: Sequence[_Scored], limit: int) -> list[int]:
    """The best, and those close to it that hold something it does not, or as much."""
    if not scored:
        return []
    best = scored[0]
    picked = [best]
    covered = set(best.covered)
    for item in scored[1:]:
        if len(picked) == limit or item.score < _NEAR_BEST * best.score:
            break
        picked.append(item)
        covered |= item.covered
    return [item.place for item in picked]
