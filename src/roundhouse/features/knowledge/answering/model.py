"""The values of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from roundhouse.core.types import Usage
from roundhouse.features.knowledge.answering.checking import Check
from roundhouse.features.knowledge.answering.citing import Citation
from roundhouse.features.knowledge.answering.standalone import Turn


class Asked(msgspec.Struct, frozen=True):
    """A question to documents.

    Attributes:
        question: It.
        model: Who answers; None = the default model.
        history: What was said before it, the oldest first.
        max_passages: Most passages that a model is told.
        file_ids: Only of these files; None = of all.
        filters: On the attributes of files; None = none.
        min_similarity: Least cosine of a passage; None = any.
        language: To answer in; None = the question's.
        explain: Whether what was found is told, with its scores.
    """

    question: str
    model: str | None = None
    history: tuple[Turn, ...] = ()
    max_passages: int = 8
    file_ids: tuple[str, ...] | None = None
    filters: Mapping[str, Any] | None = None
    min_similarity: float | None = None
    language: str | None = None
    explain: bool = False


class Answered(msgspec.Struct, frozen=True):
    """An answer.

    Attributes:
        store_id: The store that was asked.
        question: As it was put.
        standalone: As it was searched for.
        text: The answer.
        found: Whether the documents answer.
        language: ISO 639-1.
        model: `provider/model` that answered.
        citations: Of its marks.
        checks: Of its sentences.
        finish_reason: Why it ended.
        usage: Tokens.
        warnings: Codes of what did not go as it should.
        explain: What was found, where that was asked for.
    """

    store_id: str
    question: str
    standalone: str
    text: str
    found: bool
    language: str
    model: str
    citations: tuple[Citation, ...]
    checks: tuple[Check, ...]
    finish_reason: str
    usage: Usage
    warnings: tuple[str, ...]
    explain: dict[str, Any] | None = None
