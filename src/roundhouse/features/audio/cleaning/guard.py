"""Whether a model that was to clean a text has left it what it was: few words changed, all numbers and names there."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import msgspec

from roundhouse.features.audio.cleaning.fillers import is_filler
from roundhouse.features.audio.cleaning.rules import HAN

_TOKEN = re.compile(rf"[{HAN}]|\d+(?:[.,:]\d+)*|[^\W\d_{HAN}]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<=[^\s.!?…:\"“(] )([^\W\d_a-z][^\W\d_]+)")
_TRAILING = re.compile(r"[.,:]+$")


class Verdict(msgspec.Struct, frozen=True):
    """What came of the comparison.

    Attributes:
        reason: Why the model's text is not taken; None = it is.
        edits: Words that were inserted, left out or replaced; fillers, casing and punctuation do not count.
        words: Words of the text as it was.
    """

    reason: str | None
    edits: int
    words: int


def compare(
    before: str, after: str, language: str | None, *, most_rate: float, names: Sequence[str] = ()
) -> Verdict:
    """Judge a cleaned text. Its time grows with the product of both lengths: some hundred words at a time.

    Args:
        before: As it was heard.
        after: What the model made of it.
        language: ISO 639-1 code.
        most_rate: Largest share of words that may be changed, 0 to 1.
        names: Words that must survive, where they are there, besides those that are written like names.
    """
    old, new = words_of(before, language), words_of(after, language)
    if not new:
        return Verdict("nothing is left", len(old), len(old))
    lost = _numbers(before) - _numbers(after)
    if lost:
        return Verdict("a number is lost", len(lost), len(old))
    if _numbers(after) - _numbers(before):
        return Verdict("a number is new", 0, len(old))
    kept = set(new)
    for name in _names(before, names):
        if any(part not in kept for part in words_of(name, language)):
            return Verdict("a name is lost", 0, len(old))
    if max(len(old), len(new)) > 3 * max(1, min(len(old), len(new))):
        return Verdict("too much was changed", max(len(old), len(new)), len(old))
    edits = distance(old, new)
    reason = "too much was changed" if edits > most_rate * max(1, len(old)) else None
    return Verdict(reason, edits, len(old))


def words_of(text: str, language: str | None) -> list[str]:
    """What of a text counts: words without case, Chinese characters, numbers; no fillers."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return [word for word in _TOKEN.findall(folded) if not is_filler(word, language or "")]


def distance(old: Sequence[str], new: Sequence[str]) -> int:
    """Least number of words to insert, leave out or replace.

    Source:
        Wagner and Fischer, "The String-to-String Correction Problem" (JACM 1974).
    """
    row = list(range(len(new) + 1))
    for place, word in enumerate(old, start=1):
        corner, row[0] = row[0], place
        for column, other in enumerate(new, start=1):
            corner, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, corner + (word != other)),
            )
    return row[-1]


def _numbers(text: str) -> Counter[str]:
    return Counter(_TRAILING.sub("", one) for one in _NUMBER.findall(text))


def _names(text: str, more: Sequence[str]) -> list[str]:
    """Words in capitals inside a sentence, and those of the vocabulary that are there."""
    folded = text.casefold()
    return _NAME.findall(text) + [word for word in more if word.casefold() in folded]
