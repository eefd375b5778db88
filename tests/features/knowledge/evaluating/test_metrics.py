"""Figures of retrieval against sums made by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.features.knowledge.evaluating.metrics import mean_by_chance, mrr, ndcg, percentile, quality

RANKS = st.lists(st.none() | st.integers(1, 60), max_size=40)


def test_against_sums_made_by_hand() -> None:
    ranks = [1, 2, None, 5, 11]
    found = quality(ranks)
    assert mrr(ranks) == pytest.approx((1 + 1 / 2 + 1 / 5) / 5)
    assert ndcg(ranks) == pytest.approx((1 + 1 / math.log2(3) + 1 / math.log2(6)) / 5)
    recalls = (found.recall_at_1, found.recall_at_3, found.recall_at_5, found.recall_at_10)
    assert recalls == (0.2, 0.4, 0.6, 0.6)
    assert found.questions == 5


@given(RANKS)
def test_figures_rise_with_depth_and_are_in_their_order(ranks: list[int | None]) -> None:
    found = quality(ranks)
    rising = [found.recall_at_1, found.recall_at_3, found.recall_at_5, found.recall_at_10]
    assert rising == sorted(rising)
    assert found.recall_at_1 <= found.mrr_at_10 + 1e-9
    assert found.mrr_at_10 <= found.ndcg_at_10 + 1e-9
    assert found.ndcg_at_10 <= found.recall_at_10 + 1e-9 <= 1 + 1e-9


def test_percentiles_are_values_that_occur() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 0.0)) == (3.0, 5.0, 1.0)
    assert percentile([], 0.5) == 0.0


def test_what_chance_gives() -> None:
    assert [mean_by_chance(one) for one in (0, 1, 2)] == [0.0, 1.0, 0.75]
    assert mean_by_chance(1_000) == pytest.approx(0.00293, abs=1e-5)
