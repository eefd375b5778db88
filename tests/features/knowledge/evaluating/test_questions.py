"""Questions that somebody brings along."""

from __future__ import annotations

import pytest

from roundhouse.core.errors import BadInput
from roundhouse.features.knowledge.evaluating.questions import (
    Question,
    is_right,
    rank_of_right,
    read_questions,
)


def test_lines_are_read_and_empty_ones_left_out() -> None:
    lines = ['{"question": "who?", "answer": "Ann"}', "", '{"question": "x?", "file": "a", "language": "en"}']
    assert read_questions(lines) == [Question("who?", "Ann"), Question("x?", file="a", language="en")]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        '{"question": "who?"}',
        '{"question": " ", "answer": "x"}',
        '{"question": "who?", "answer": "  "}',
        '{"question": 5, "answer": "x"}',
    ],
)
def test_what_does_not_say_what_is_right_is_refused(line: str) -> None:
    with pytest.raises(BadInput):
        read_questions([line])


def test_all_conditions_must_hold_whatever_the_case_and_space() -> None:
    asked = Question("who?", ["Ann  Smith", "Bob"], file="a.txt")
    assert is_right(asked, "It was ANN\nSmith.", "a.txt", "file_1")
    assert not is_right(asked, "It was ANN Smith.", "b.txt", "file_1")
    assert not is_right(asked, "It was somebody.", "a.txt", "file_1")
    assert is_right(Question("x", file="file_1"), "", "a.txt", "file_1")
    assert is_right(Question("x", text="a whole paragraph with this"), "Paragraph with", "", "")
    assert is_right(Question("x", text="this"), "a passage with this in it", "", "")
    assert not is_right(Question("x", text="this"), "", "", "")


def test_the_place_of_the_first_right_one() -> None:
    results = [
        {"content": [{"type": "text", "text": text}], "filename": "a.txt", "file_id": "file_1"}
        for text in ("nothing", "Ann", "Ann again")
    ]
    assert rank_of_right(Question("who?", "ann"), results) == 2
    assert rank_of_right(Question("who?", "eve"), results) is None
