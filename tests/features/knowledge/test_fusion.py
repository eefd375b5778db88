"""Two lists made one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.fusion import Found, Scale, fuse

LISTS = st.dictionaries(st.integers(1, 30), st.floats(0.01, 50), max_size=20).map(
    lambda one: sorted((Found(*pair) for pair in one.items()), key=lambda found: -found.score)
)


def test_as_it_was_measured() -> None:
    dense = [Found(1, 0.9), Found(2, 0.5), Found(3, 0.1)]
    lexical = [Found(2, 12.0), Found(4, 6.0)]
    found = fuse(dense, lexical, 0.25)
    assert [one.passage for one in found] == [2, 4, 1, 3]
    by_passage = {one.passage: one.score for one in found}
    assert by_passage[2] == pytest.approx(0.25 * 0.5 + 0.75)
    assert by_passage[4] == pytest.approx(0.75 * 0.5)
    assert by_passage[1] == pytest.approx(0.25)
    assert by_passage[3] == pytest.approx(0.0)


@given(LISTS, LISTS, st.floats(0, 1))
def test_scores_are_shares_in_order_and_nothing_is_lost(dense, lexical, alpha) -> None:
    found = fuse(dense, lexical, alpha)
    assert {one.passage for one in found} == {one.passage for one in (*dense, *lexical)}
    assert len(found) == len({one.passage for one in found})
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(-1e-9 <= one.score <= 1 + 1e-9 for one in found)


@given(LISTS)
def test_words_alone_keep_their_order_and_so_do_vectors_alone(found) -> None:
    assert [one.passage for one in fuse([], found, 0.0)] == _stable(found)
    if len({one.score for one in found}) == len(found):
        assert [one.passage for one in fuse(found, [], 1.0)][:1] == _stable(found)[:1]


def _stable(found) -> list[int]:
    best = max((one.score for one in found), default=1.0)
    return [one.passage for one in sorted(found, key=lambda one: (-(one.score / best), one.passage))]


def test_one_passage_alone_is_as_near_as_can_be() -> None:
    assert fuse([Found(1, 0.2)], [], 0.5)[0].score == 0.5
    assert Scale(0.0, 0.0, 0.0).lexical(3.0) == 0.0
