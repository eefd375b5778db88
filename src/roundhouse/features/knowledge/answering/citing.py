"""Citations: which passage a mark in an answer stands for, and what of that passage it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from roundhouse.features.knowledge.answering.ports import Passage

_MARK = re.compile(r"\[(\d{1,4})\]")
_LIKE_A_MARK = re.compile(r"\[(\s*\d[\d\s,;-]*)\]|【(\s*\d[\d\s,;-]*)】")


class Numbered(msgspec.Struct, frozen=True):
    """A passage under the number by which an answer cites it.

    Attributes:
        number: From 1.
        passage: It.
    """

    number: int
    passage: Passage


class Citation(msgspec.Struct, frozen=True):
    """A passage that an answer cites.

    Attributes:
        number: As in its mark: `[1]`.
        passage_id: `psg_…`.
        vector_store_id: `vs_…`.
        file_id: `file_…`.
        filename: As the file is called in the store.
        page: Where the passage begins, from 1; None = there are no pages.
        headings: The headings it stands under.
        start: Where it begins in its document, in characters.
        end: Behind its last character.
        text: The passage.
        quotes: What of it the answer says or rests on, word for word, each with its place in the document.
        score: By which it was found, 0 to 1.
    """

    number: int
    passage_id: str
    vector_store_id: str
    file_id: str
    filename: str
    page: int | None
    headings: tuple[str, ...]
    start: int
    end: int
    text: str
    quotes: tuple[Quoted, ...]
    score: float


class Quoted(msgspec.Struct, frozen=True):
    """A piece of a document, word for word.

    Attributes:
        text: It.
        start: Where it begins in its document, in characters.
        end: Behind its last character.
    """

    text: str
    start: int
    end: int


def passage_id(number: int) -> str:
    """How a passage is called outside."""
    return f"psg_{number}"


def marks_of(text: str) -> list[int]:
    """The numbers a text cites, each once, in the order of their first mark."""
    return list(dict.fromkeys(int(number) for number in _MARK.findall(text)))


def without_marks(text: str) -> str:
    """A text without its citation marks."""
    return _MARK.sub("", text)


def no_marks_of_its_own(text: str) -> str:
    """A document's text in which nothing looks like a citation mark."""
    return _LIKE_A_MARK.sub(lambda found: f"({(found[1] or found[2]).strip()})", text)


def citation(one: Numbered, spans: Iterable[tuple[int, int]] = ()) -> Citation:
    """The citation of a passage.

    Args:
        one: It, and its number.
        spans: What of its text is quoted.
    """
    passage = one.passage
    quotes = tuple(
        Quoted(passage.text[start:end], passage.start + start, passage.start + end)
        for start, end in sorted(set(spans))
    )
    return Citation(
        number=one.number,
        passage_id=passage_id(passage.number),
        vector_store_id=passage.store_id,
        file_id=passage.file_id,
        filename=passage.filename,
        page=passage.page,
        headings=passage.headings,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        quotes=quotes,
        score=round(passage.score, 6),
    )


def cited(
    text: str, numbered: Iterable[Numbered], quoted: Mapping[int, Iterable[tuple[int, int]]]
) -> list[Citation]:
    """The citations of an answer, in the order of their numbers.

    Args:
        text: The answer.
        numbered: The passages it could cite.
        quoted: By number, what of a passage it rests on.
    """
    marks = set(marks_of(text))
    return [citation(one, quoted.get(one.number, ())) for one in numbered if one.number in marks]


def wire(citations: Iterable[Citation]) -> list[dict[str, Any]]:
    """Citations as JSON, for rows and events."""
    return [msgspec.to_builtins(one) for one in citations]
