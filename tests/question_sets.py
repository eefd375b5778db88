"""Public sets of questions in SQuAD's format, which are not ours: `ROUNDHOUSE_RETRIEVAL_DATA` names their folder.

XQuAD (`xquad.en.json`, `xquad.vi.json`) and the development set of CMRC 2018 (`cmrc2018_dev.json`), both CC BY-SA 4.0.
`ROUNDHOUSE_RETRIEVAL_QUESTIONS` bounds how many questions of a set are asked.
"""

from __future__ import annotations

import json
import os
import random
import unicodedata
from pathlib import Path
from typing import NamedTuple

import pytest

_FOLDER = os.environ.get("ROUNDHOUSE_RETRIEVAL_DATA", "")
_MOST = int(os.environ.get("ROUNDHOUSE_RETRIEVAL_QUESTIONS", "100000"))

NEEDS_SETS = pytest.mark.skipif(
    not Path(_FOLDER, "xquad.en.json").is_file(),
    reason="ROUNDHOUSE_RETRIEVAL_DATA names no sets of questions",
)


class Asked(NamedTuple):
    """A question.

    Attributes:
        text: As it was written.
        paragraph: The one paragraph that it was written for.
        answers: What of that answers it.
    """

    text: str
    paragraph: str
    answers: tuple[str, ...]

    def bare(self) -> Asked:
        """As on a keyboard without diacritics."""
        apart = unicodedata.normalize("NFKD", self.text.casefold().replace("\u0111", "d"))
        return self._replace(text="".join(one for one in apart if not unicodedata.combining(one)))


def read_set(name: str) -> tuple[list[str], list[Asked]]:
    """Paragraphs, and questions about them: all, or so many from all of them alike."""
    articles = json.loads(Path(_FOLDER, name).read_text("utf-8"))["data"]
    paragraphs = [one for article in articles for one in article["paragraphs"]]
    questions = [
        Asked(qa["question"], one["context"], tuple(answer["text"] for answer in qa["answers"]))
        for one in paragraphs
        for qa in one["qas"]
    ]
    return [one["context"] for one in paragraphs], questions[:: max(1, len(questions) // _MOST)]


def some(name: str, count: int) -> list[Asked]:
    """So many questions of a set, the same at every run."""
    questions = read_set(name)[1]
    random.Random(7).shuffle(questions)
    return questions[:count]
