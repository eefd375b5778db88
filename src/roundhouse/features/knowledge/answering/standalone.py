"""A question that leans on the conversation, made whole: by rules where no language model is at hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from roundhouse.core.language.detection import Language, detect
from roundhouse.core.language.questions import Question, read
from roundhouse.core.language.terms import normalise, query_terms

MOST_CHARS = 4000
"""Of a question, for the search."""

_LEANS = re.compile(
    r"^\W*(?:and|but|or|also|what about|how about|what else|why|why not|which one|còn|thế còn|vậy|vậy còn|thế|rồi"
    r"|那么?|还有|ו\S*|ומה|ואיפה|ומתי|מה לגבי|אז)\b|呢[?？]?\W*$",
    re.IGNORECASE,
)
_FEW_TERMS = 2


class Turn(msgspec.Struct, frozen=True):
    """Something that was said: its role (`user`, `assistant`, …) and its text."""

    role: str
    text: str


class Standalone(msgspec.Struct, frozen=True):
    """A question that can be searched for.

    Attributes:
        asked: As it was put.
        text: Whole in itself.
        language: Of what was asked.
        question: Taken apart: what it asks for, and the terms of `text`.
    """

    asked: str
    text: str
    language: Language
    question: Question


def by_rules(asked: str, history: Sequence[Turn]) -> Standalone:
    """A follow-up that leaves out what it is about takes the question before it along.

    Args:
        asked: The question.
        history: What was said before it, the oldest first.
    """
    before = [turn.text for turn in history if turn.role == "user" and turn.text.strip()]
    language = _language(asked, before[-1] if before else "")
    question = read(asked[:MOST_CHARS], language)
    if not before or not _leans(asked, question):
        return Standalone(asked, asked[:MOST_CHARS], language, question)
    # "And who paid for it?" behind "Who built it?": the topic was named earlier.
    earlier: list[str] = []
    for text in reversed(before):
        earlier.insert(0, text)
        if not _leans(text, read(text[:MOST_CHARS], detect(text, language))):
            break
    whole = " ".join([*earlier, asked])[-MOST_CHARS:]
    return whole_as(asked, whole, language)


def whole_as(asked: str, text: str, language: Language | None = None) -> Standalone:
    """A question with the text that somebody made of it."""
    language = language or detect(asked)
    question = read(asked[:MOST_CHARS], language)
    known = {key for term in question.terms for key in term.keys}
    more = [
        term for term in query_terms(normalise(text[:MOST_CHARS]), language) if not known & term.keys.keys()
    ]
    # What it asks for is told by the question alone, what it is about by all of it.
    return Standalone(
        asked,
        text[:MOST_CHARS],
        language,
        msgspec.structs.replace(question, terms=[*question.terms, *more]),
    )


def _language(asked: str, before: str) -> Language:
    """Of a question; "Còn Hàn Quốc?" alone has too few words to tell."""
    earlier = detect(before)
    found = detect(asked, earlier)
    return "vi" if (earlier, found) == ("vi", "en") and not asked.isascii() else found


def _leans(asked: str, question: Question) -> bool:
    if not question.terms:
        return True
    few = len(question.terms) <= _FEW_TERMS
    return (question.follow_up and not any(term.name for term in question.terms)) or (
        few and _LEANS.search(asked) is not None
    )
