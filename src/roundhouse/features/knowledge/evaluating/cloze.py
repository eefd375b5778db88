"""Questions made of a store's own passages: a sentence is taken out, a part of it is the question.

What is left of the passage must be found by topic, names and neighbouring words. That is close enough to a question of
a person to tell whether an embedding model understands a language, and needs nobody who writes questions.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from roundhouse.infra.search.scripts import is_unspaced

MOST_QUESTIONS = 120
SEED = 20_261_122
"""The same passages give the same questions."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])\s*")
_MIN_CHARS = 40
_MIN_CHARS_UNSPACED = 12
_WORDS = 10
_CHARS = 18
_MIN_SENTENCES = 3
_FEWEST_SENTENCES = 2
_ENOUGH = 60


class Source(NamedTuple):
    """A passage of which a question may be made.

    Attributes:
        number: Of the passage.
        text: What it says.
        language: ISO 639-1; "" = not known.
    """

    number: int
    text: str
    language: str


class Cloze(NamedTuple):
    """A question.

    Attributes:
        place: Of its passage, among those that were given.
        text: The passage without the sentence.
        query: What is asked.
        language: Of the passage.
    """

    place: int
    text: str
    query: str
    language: str


def is_mostly_unspaced(text: str) -> bool:
    """Whether most letters are of a writing without spaces between words."""
    letters = [char for char in text if char.isalpha()]
    return 2 * sum(map(is_unspaced, letters)) > len(letters)


def make_questions(passages: Sequence[Source], most: int = MOST_QUESTIONS, seed: int = SEED) -> list[Cloze]:
    """At most one question of each passage, in an order by chance that is always the same.

    Where passages with three long sentences are few, those with two serve as well.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret: the same order each time
    order = list(range(len(passages)))
    chance.shuffle(order)
    found: list[Cloze] = []
    left: list[int] = []
    for place in order:
        if len(found) == most:
            return found
        made = _question(place, passages[place], _MIN_SENTENCES, chance)
        if made is None:
            left.append(place)
        else:
            found.append(made)
    for place in left:
        if len(found) >= min(most, _ENOUGH):
            break
        made = _question(place, passages[place], _FEWEST_SENTENCES, chance)
        if made is not None:
            found.append(made)
    return found


def _question(place: int, passage: Source, fewest: int, chance: random.Random) -> Cloze | None:
    unspaced = is_mostly_unspaced(passage.text)
    least = _MIN_CHARS_UNSPACED if unspaced else _MIN_CHARS
    sentences = [span for span in _sentences(passage.text) if span[1] - span[0] > least]
    if len(sentences) < fewest:
        return None
    start, end = chance.choice(sentences)
    sentence = passage.text[start:end]
    if unspaced:
        begin = chance.randrange(max(1, len(sentence) - _CHARS + 1))
        query = sentence[begin : begin + _CHARS]
    else:
        words = sentence.split()
        begin = chance.randrange(max(1, len(words) - _WORDS + 1))
        query = " ".join(words[begin : begin + _WORDS])
    text = f"{passage.text[:start]} {passage.text[end:]}"
    return Cloze(place, text, query, passage.language)


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends, without the white space around it."""
    found: list[tuple[int, int]] = []
    start = 0
    for cut in [*_SENTENCE_END.finditer(text), None]:
        end = len(text) if cut is None else cut.start()
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = start + len(piece.rstrip())
        if last > first:
            found.append((first, last))
        start = end if cut is None else cut.end()
    return found
