"""What a person reads of an evaluation."""

from __future__ import annotations

from roundhouse.features.knowledge.evaluating.report import COLUMNS, Outcome, as_json, cells, rows_of, worst

OUTCOMES = [
    Outcome("who?", "en", "hybrid", 1, 10.0),
    Outcome("who?", "en", "dense", None, 5.0, "b.txt: something else"),
    Outcome("ai?", "vi", "hybrid", 4, 30.0, "c.txt: cái khác"),
    Outcome("ai?", "vi", "dense", None, 5.0),
]


def test_rows_for_all_and_for_each_language_and_way() -> None:
    rows = rows_of(OUTCOMES)
    named = [(row.language, row.mode, row.quality.questions) for row in rows]
    assert named[:2] == [("all", "hybrid", 2), ("all", "dense", 2)]
    assert named[2:] == [("en", "hybrid", 1), ("en", "dense", 1), ("vi", "hybrid", 1), ("vi", "dense", 1)]
    assert (rows[0].quality.recall_at_1, rows[0].quality.recall_at_5) == (0.5, 1.0)
    assert (rows[0].p50_ms, rows[0].p95_ms) == (10.0, 30.0)
    assert all(len(cells(row)) == len(COLUMNS) for row in rows)
    assert len(rows_of(OUTCOMES[:2])) == 2


def test_the_worst_come_with_what_came_first_instead() -> None:
    assert list(worst(OUTCOMES, "hybrid")) == ["place 4    ai?", "           first: c.txt: cái khác"]
    assert next(worst(OUTCOMES, "dense")).startswith("not found")
    assert as_json(OUTCOMES)["results"][0]["quality"]["questions"] == 2
