"""Compares each sentence of an answer with the passages it cites: what no passage says is told.

It is a comparison of words, numbers and names, not of meaning: it finds what was made up, not every wrong conclusion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from roundhouse.core.language import sentences
from roundhouse.core.language.detection import detect
from roundhouse.core.language.terms import Term, normalise, query_terms, text_keys, words
from roundhouse.features.knowledge.answering.citing import Numbered, marks_of, without_marks

LEAST_SHARE = 0.5
"""Share of a sentence's words that a passage must hold to support it."""

_QUOTE_SHARE = 0.3
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME_WEIGHT = 2.0


class Check(msgspec.Struct, frozen=True):
    """One sentence of an answer.

    Attributes:
        sentence: It, with its marks.
        start: Where it begins in the answer, in characters.
        end: Behind its last character.
        supported: Whether a passage says it; None = it cannot be told: it has no words of its own, or is in another
            language than the passages.
        passages: Numbers of the passages that say it.
    """

    sentence: str
    start: int
    end: int
    supported: bool | None
    passages: tuple[int, ...]


class Checked(msgspec.Struct, frozen=True):
    """What became of the check.

    Attributes:
        checks: For each sentence.
        quoted: By number of a passage, the spans of its text on which the answer rests.
    """

    checks: tuple[Check, ...]
    quoted: dict[int, list[tuple[int, int]]]


class _Keys(msgspec.Struct, frozen=True):
    number: int
    language: str
    keys: frozenset[str]
    numbers: frozenset[str]
    spans: tuple[tuple[int, int], ...]
    span_keys: tuple[frozenset[str], ...]


def check(answer: str, numbered: Sequence[Numbered]) -> Checked:
    """Compare an answer with the passages it was made from.

    Args:
        answer: As it is shown, with marks.
        numbered: Every passage that the model was given.
    """
    known = [_keys(one) for one in numbered]
    checks: list[Check] = []
    quoted: dict[int, list[tuple[int, int]]] = {}
    for start, end in _with_marks(answer, sentences.split(answer)):
        said = answer[start:end]
        marks = marks_of(said)
        bare = without_marks(said)
        language = detect(bare)
        terms = query_terms(normalise(bare), language)
        numbers = frozenset(_NUMBER.findall(normalise(bare)))
        tellable = [one for one in known if one.language == language or not marks or one.number in marks]
        if not terms or not any(one.language == language for one in tellable):
            checks.append(Check(said, start, end, None, ()))
            continue
        good = [one for one in known if numbers <= one.numbers and _share(terms, one.keys) >= LEAST_SHARE]
        named = [one for one in good if one.number in marks] or ([] if marks else good)
        for one in named if marks else ():
            quoted.setdefault(one.number, []).extend(_spans(terms, one))
        checks.append(Check(said, start, end, bool(named), tuple(one.number for one in named or good)))
    return Checked(tuple(checks), quoted)


def _with_marks(answer: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Marks that stand behind the full stop belong to the sentence before it."""
    moved: list[tuple[int, int]] = []
    for start, end in spans:
        lead = re.match(r"(?:\s*\[\d{1,4}\])+[\s.。]*", answer[start:end])
        if lead is not None and moved:
            moved[-1] = (moved[-1][0], start + len(lead.group().rstrip()))
            start += lead.end()
        if start < end:
            moved.append((start, end))
    if moved:
        tail = re.match(r"(?:\s*\[\d{1,4}\])+", answer[moved[-1][1] :])
        if tail is not None:
            moved[-1] = (moved[-1][0], moved[-1][1] + tail.end())
    return moved


def _keys(one: Numbered) -> _Keys:
    text = one.passage.text
    spans = tuple(sentences.split(text))
    span_keys = tuple(_keys_of(text[start:end]) for start, end in spans)
    around = _keys_of(" ".join((*one.passage.headings, one.passage.filename)))
    return _Keys(
        one.number,
        detect(text),
        around.union(*span_keys) if span_keys else around,
        frozenset(_NUMBER.findall(normalise(text))),
        spans,
        span_keys,
    )


def _keys_of(text: str) -> frozenset[str]:
    return frozenset(key for word in set(words(normalise(text))) for key in text_keys(word))


def _share(terms: Sequence[Term], keys: frozenset[str]) -> float:
    total = held = 0.0
    for term in terms:
        weight = term.weight * (_NAME_WEIGHT if term.name else 1.0)
        total += weight
        held += weight * max((worth for key, worth in term.keys.items() if key in keys), default=0.0)
    return held / total if total else 0.0


def _spans(terms: Sequence[Term], one: _Keys) -> list[tuple[int, int]]:
    """The sentences of a passage that a sentence rests on: the best, and others that hold much of it."""
    shares = [_share(terms, keys) for keys in one.span_keys]
    best = max(shares, default=0.0)
    return [
        span
        for span, share in zip(one.spans, shares, strict=True)
        if share == best > 0 or share >= max(_QUOTE_SHARE, 0.8 * best)
    ]
