"""Chooses the sentences that answer a question, verbatim: the answer of a house without a language model."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import msgspec

from roundhouse.core.language import questions
from roundhouse.core.language.detection import detect
from roundhouse.core.language.questions import Question
from roundhouse.features.knowledge.answering.citing import Numbered, no_marks_of_its_own
from roundhouse.features.knowledge.answering.material import Material, Read, Sentence

MAX_QUOTES = 3
"""Most sentences of one answer."""

_PASSAGES = 5
_NEIGHBOUR = 0.3
_HAS_CUE, _NO_CUE = 1.35, 0.8
_RANK = 1.0
_FAR_FROM_BEST = 0.55


class Quote(msgspec.Struct, frozen=True):
    """A sentence that is quoted.

    Attributes:
        passage: Place of its passage among those that were found.
        start: Where it begins in the passage's text.
        end: Behind its last character.
    """

    passage: int
    start: int
    end: int


def choose(question: Question, material: Material, limit: int = MAX_QUOTES) -> list[Quote]:
    """The sentences to quote, the best passage's first, and within a passage in their order.

    A sentence is worth the question's words that it holds, and a little those that its neighbours hold; more when it
    has what an answer to such a question has (a number, a name, a reason …), and when its passage was found first.

    Args:
        question: Taken apart.
        material: What was found.
        limit: Most quotes.

    Source:
        On XQuAD en, XQuAD vi and CMRC 2018 (300 questions each) the gold answer stands in the first 1 / 2 / 3
        sentences for 0.78 / 0.91 / 0.95, 0.76 / 0.85 / 0.90 and 0.63 / 0.72 / 0.78.
    """
    scored: list[tuple[float, int, int, Sentence]] = []
    best = max((one.passage.score for one in material.reads), default=0.0) or 1.0
    for place, one in enumerate(material.reads[:_PASSAGES]):
        rank = _RANK * max(one.passage.score, 0.0) / best
        for number, sentence in enumerate(one.sentences):
            if _is_heading(one, sentence):
                continue
            worth = _worth(material, one.sentences, number) * _fitness(question, one, sentence)
            if worth > 0:
                scored.append((worth + rank, -place, -number, sentence))
    scored.sort(key=lambda item: item[:3], reverse=True)
    chosen: list[Sentence] = []
    said: set[str] = set()
    for score, _, _, sentence in scored[:limit]:
        if score < _FAR_FROM_BEST * scored[0][0]:
            break
        # Files often say the same: it is quoted once, and what is weaker does not come in its place.
        text = material.reads[sentence.passage].passage.text
        words = " ".join(text[sentence.start : sentence.end].split())
        if words not in said:
            said.add(words)
            chosen.append(sentence)
    order = list(dict.fromkeys(sentence.passage for sentence in chosen))
    chosen.sort(key=lambda one: (order.index(one.passage), one.start))
    return [Quote(one.passage, one.start, one.end) for one in chosen]


def _is_heading(read: Read, sentence: Sentence) -> bool:
    """Whether it only says what others are about."""
    said = read.passage.text[sentence.start : sentence.end]
    return len(read.sentences) > 1 and said in read.passage.headings


def _worth(material: Material, beside: Sequence[Sentence], number: int) -> float:
    own = beside[number].held
    near: dict[int, float] = {}
    for other in (number - 1, number + 1):
        if 0 <= other < len(beside):
            for term, worth in beside[other].held.items():
                near[term] = max(near.get(term, 0.0), worth - own.get(term, 0.0))
    return material.share(own) + _NEIGHBOUR * material.share(
        {term: worth for term, worth in near.items() if worth > 0}
    )


def _fitness(question: Question, one: Read, sentence: Sentence) -> float:
    if not question.kinds:
        return 1.0
    text = unicodedata.normalize("NFC", one.passage.text[sentence.start : sentence.end])
    language = detect(text, question.language)
    cued = any(questions.can_answer(kind, text, language) for kind in question.kinds)
    return _HAS_CUE if cued else _NO_CUE


class Composed(msgspec.Struct, frozen=True):
    """An answer of quotes alone.

    Attributes:
        text: The quotes, one a line, each with its mark.
        numbered: The passages that are quoted.
        quoted: By number, the spans of their texts.
    """

    text: str
    numbered: tuple[Numbered, ...]
    quoted: dict[int, list[tuple[int, int]]]


def compose(question: Question, material: Material, limit: int = MAX_QUOTES) -> Composed:
    """Quote what answers a question.

    Args:
        question: Taken apart.
        material: What was found.
        limit: Most quotes.
    """
    lines: list[str] = []
    numbers: dict[int, int] = {}
    quoted: dict[int, list[tuple[int, int]]] = {}
    for quote in _joined(choose(question, material, limit), material):
        number = numbers.setdefault(quote.passage, len(numbers) + 1)
        quoted.setdefault(number, []).append((quote.start, quote.end))
        said = material.reads[quote.passage].passage.text[quote.start : quote.end]
        lines.append(f"“{no_marks_of_its_own(' '.join(said.split()))}” [{number}]")
    numbered = tuple(Numbered(number, material.reads[place].passage) for place, number in numbers.items())
    return Composed("\n".join(lines), numbered, quoted)


def _joined(quotes: Sequence[Quote], material: Material) -> list[Quote]:
    """Sentences that stand one behind the other are one quote."""
    joined: list[Quote] = []
    for one in quotes:
        last = joined[-1] if joined else None
        text = material.reads[one.passage].passage.text
        if last is not None and last.passage == one.passage and not text[last.end : one.start].strip():
            joined[-1] = Quote(one.passage, last.start, one.end)
        else:
            joined.append(one)
    return joined
