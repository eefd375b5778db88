"""Weights from what was measured."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.evaluating.calibration import (
    UNMEASURED_ALPHA,
    Calibration,
    Measured,
    alpha_of,
    is_due,
    measured,
    read_calibration,
    weight_for,
)

MANY = 100_000


def _made(
    alpha: float = 0.3, languages: dict[str, Measured] | None = None, passages: int = 100
) -> Calibration:
    known = languages or {}
    return Calibration(alpha, 0.4, 0.5, 100, passages, passages, "p/m", "print", 1, 5.0, known)


def test_the_better_side_counts_more_and_words_half_at_least() -> None:
    assert alpha_of(0.651, 0.583, MANY) == 0.5
    assert alpha_of(0.135, 0.444, MANY) == pytest.approx(0.085, abs=0.001)
    assert alpha_of(0.022, 0.529, MANY) == pytest.approx(0.002, abs=0.001)


def test_vectors_that_are_far_better_are_not_held_down() -> None:
    assert alpha_of(0.9, 0.3, MANY) == pytest.approx(0.9, abs=0.001)


def test_what_chance_gives_is_worth_nothing() -> None:
    assert alpha_of(0.29, 0.9, 10) < 0.001
    assert alpha_of(1.0, 1.0, 1) == UNMEASURED_ALPHA
    assert alpha_of(0.0, 0.0, 500) == UNMEASURED_ALPHA


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10_000))
def test_a_weight_is_a_share_and_too_few_questions_give_none(
    dense: float, lexical: float, among: int
) -> None:
    assert 0 <= alpha_of(dense, lexical, among) <= 1
    assert measured(dense, lexical, 3, among).alpha == UNMEASURED_ALPHA


def test_a_question_is_weighed_by_the_languages_of_what_its_words_find() -> None:
    both = _made(0.4, {"en": Measured(0.5, 0.6, 0.5, 60), "vi": Measured(0.1, 0.1, 0.5, 60)})
    assert weight_for(both, {"en": 3.0}) == pytest.approx(0.5)
    assert weight_for(both, {"en": 1.0, "vi": 3.0}) == pytest.approx(0.2)
    assert weight_for(both, {}) == weight_for(both, {"": 1.0}) == 0.4
    # Nothing was measured of this language.
    assert weight_for(both, {"he": 1.0}) == UNMEASURED_ALPHA
    assert weight_for(_made(0.3), {"he": 1.0}) == 0.3
    assert weight_for(None, {"en": 1.0}) == UNMEASURED_ALPHA


@pytest.mark.parametrize(
    ("passages", "now", "due"),
    [(100, 199, False), (100, 200, True), (5_000, 14_999, False), (5_000, 15_000, True), (900, 300, True)],
)
def test_a_store_that_has_grown_is_measured_again(passages: int, now: int, due: bool) -> None:
    assert is_due(_made(passages=passages), now, "print", 1) is due


def test_another_model_or_analyser_is_measured_again() -> None:
    assert is_due(None, 1, "print", 1)
    assert not is_due(None, 0, "print", 1)
    assert not is_due(_made(), 100, "print", 1)
    assert is_due(_made(), 100, "other", 1)
    assert is_due(_made(), 100, "print", 2)


def test_it_is_read_as_it_was_written_and_another_form_is_none() -> None:
    one = _made(0.2, {"en": Measured(0.5, 0.6, 0.5, 60)})
    assert read_calibration(msgspec.to_builtins(one)) == one
    assert read_calibration(None) is None
    assert read_calibration({"alpha": "much"}) is None
