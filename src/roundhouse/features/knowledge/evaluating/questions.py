"""Questions that somebody brings along, and whether what was found answers them.

A line of JSON for each: `question`, and what is right: `answer` (a text, or several of which one will do) stands in the
passage; `file` (name or id) is where the passage comes from; `text` is the passage, or holds it, or is held by it.
Of several conditions all must hold. `language` is optional.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.features.knowledge.evaluating.metrics import Rank

MAX_QUESTIONS = 100_000


class Question(msgspec.Struct, frozen=True):
    """A question, and what is right.

    Attributes:
        question: What is asked.
        answer: One of these stands in the passage; None = does not matter.
        file: Name or id of the file the passage is of; None likewise.
        text: The passage holds it, or it holds the passage; None likewise.
        language: ISO 639-1; "" = by its writing.
    """

    question: str
    answer: str | list[str] | None = None
    file: str | None = None
    text: str | None = None
    language: str = ""


def read_questions(lines: Iterable[str]) -> list[Question]:
    """Questions, one on each line; empty lines are none.

    Raises:
        BadInput: A line is malformed, or does not say what is right; its number is told.
    """
    found: list[Question] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=Question)
        except msgspec.MsgspecError as error:
            raise BadInput(f"Line {number}: {error}", param="questions") from None
        if not one.question.strip():
            raise BadInput(f"Line {number}: the question is empty.", param="questions")
        if not _answers(one) and not (one.file or "").strip() and not _plain(one.text or ""):
            raise BadInput(f"Line {number} says neither answer, file nor text.", param="questions")
        found.append(one)
        if len(found) > MAX_QUESTIONS:
            raise BadInput(f"At most {MAX_QUESTIONS} questions.", param="questions")
    if not found:
        raise BadInput("There are no questions.", param="questions")
    return found


def is_right(question: Question, passage: str, filename: str, file_id: str) -> bool:
    """Whether a passage is what was looked for; case, width and white space do not matter."""
    said = _plain(passage)
    answers = _answers(question)
    if answers and not any(one in said for one in answers):
        return False
    if question.file is not None and question.file not in (filename, file_id):
        return False
    if question.text is not None:
        text = _plain(question.text)
        return text in said or (bool(said) and said in text)
    return True


def rank_of_right(question: Question, found: Sequence[Mapping[str, Any]]) -> Rank:
    """The place of the first right one among results as the API gives them."""
    for place, one in enumerate(found, 1):
        text = "\n".join(part["text"] for part in one["content"])
        if is_right(question, text, one["filename"], one["file_id"]):
            return place
    return None


def _answers(question: Question) -> list[str]:
    given = [question.answer] if isinstance(question.answer, str) else question.answer or []
    return [plain for one in given if (plain := _plain(one))]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
