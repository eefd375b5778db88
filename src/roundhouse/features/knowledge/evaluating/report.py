"""A report that a person can read: a table by language and way of searching, and the questions that went worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from roundhouse.features.knowledge.evaluating.metrics import Quality, Rank, percentile, quality

ALL = "all"
_WORST = 10
_QUESTION_CHARS = 90
_FIGURES = (
    ("R@1", "recall_at_1"),
    ("R@3", "recall_at_3"),
    ("R@5", "recall_at_5"),
    ("R@10", "recall_at_10"),
    ("nDCG@10", "ndcg_at_10"),
    ("MRR@10", "mrr_at_10"),
)

COLUMNS = ("language", "search", "questions", *(name for name, _field in _FIGURES), "p50 ms", "p95 ms")
"""Of the table."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one question in one way of searching.

    Attributes:
        question: What was asked.
        language: ISO 639-1; "" = not known.
        mode: `hybrid`, `dense`, `lexical`.
        rank: Place of the first right passage, from 1; None = it was not found.
        latency_ms: From the request to its answer.
        instead: What came first where that was not right.
    """

    question: str
    language: str
    mode: str
    rank: Rank
    latency_ms: float
    instead: str = ""


class Row(msgspec.Struct, frozen=True):
    """A line of the table.

    Attributes:
        language: Of the questions; `all`.
        mode: Way of searching.
        quality: How well.
        p50_ms: Half of the answers took at most so long.
        p95_ms: Of 100 answers 95.
    """

    language: str
    mode: str
    quality: Quality
    p50_ms: float
    p95_ms: float


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """All questions together, then by language; the ways of searching in the order in which they came."""
    modes = list(dict.fromkeys(one.mode for one in outcomes))
    languages = sorted({one.language for one in outcomes})
    groups = [ALL, *languages] if len(languages) > 1 else [ALL]
    found: list[Row] = []
    for language in groups:
        for mode in modes:
            some = [one for one in outcomes if one.mode == mode and language in (ALL, one.language)]
            if some:
                times = [one.latency_ms for one in some]
                found.append(
                    Row(
                        language,
                        mode,
                        quality([one.rank for one in some]),
                        percentile(times, 0.5),
                        percentile(times, 0.95),
                    )
                )
    return found


def cells(row: Row) -> list[str]:
    """A line of the table, under `COLUMNS`."""
    figures = [f"{getattr(row.quality, field):.3f}" for _name, field in _FIGURES]
    times = [f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}"]
    return [row.language or "?", row.mode, str(row.quality.questions), *figures, *times]


def worst(outcomes: Sequence[Outcome], mode: str, most: int = _WORST) -> Iterator[str]:
    """The questions that went worst in one way of searching, and what came first instead."""
    missed = [one for one in outcomes if one.mode == mode and one.rank != 1]
    missed.sort(key=lambda one: (one.rank is not None, -(one.rank or 0)))
    for one in missed[:most]:
        place = "not found" if one.rank is None else f"place {one.rank}"
        yield f"{place:<10} {_short(one.question)}"
        if one.instead:
            yield f"{'':<10} first: {_short(one.instead)}"


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The same for a program."""
    return {
        "results": [msgspec.to_builtins(row) for row in rows_of(outcomes)],
        "questions": [msgspec.to_builtins(one) for one in outcomes],
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUESTION_CHARS else f"{line[: _QUESTION_CHARS - 1]}\u2026"
