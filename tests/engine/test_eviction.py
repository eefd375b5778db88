from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from roundhouse.engine.eviction import HALF_LIFE_S, Candidate, cheapest, cost_s, faded

CANDIDATES = st.lists(st.tuples(st.integers(0, 60), st.floats(0, 50, allow_nan=False)), max_size=9).map(
    lambda rows: [Candidate(f"m{place}", mib, cost) for place, (mib, cost) in enumerate(rows)]
)


def _cost(candidates: list[Candidate], chosen: tuple[str, ...]) -> float:
    return sum(one.cost_s for one in candidates if one.target in chosen)


@given(CANDIDATES, st.integers(-5, 200))
def test_no_set_is_cheaper(candidates: list[Candidate], need_mib: int) -> None:
    chosen = cheapest(candidates, need_mib)
    able = [
        group
        for size in range(len(candidates) + 1)
        for group in combinations(candidates, size)
        if sum(one.footprint_mib for one in group) >= need_mib
    ]
    if not able:
        assert chosen is None
        return
    assert chosen is not None
    assert sum(one.footprint_mib for one in candidates if one.target in chosen) >= need_mib
    best = min(sum(one.cost_s for one in group) for group in able)
    assert abs(_cost(candidates, chosen) - best) < 1e-6


def test_many_equal_models_are_chosen_from_in_time() -> None:
    candidates = [Candidate(f"m{number:02}", 10 + number % 7, 1.0 + number % 5) for number in range(60)]
    chosen = cheapest(candidates, 300)
    assert chosen is not None
    assert sum(one.footprint_mib for one in candidates if one.target in chosen) >= 300


def test_nothing_needed_nothing_leaves() -> None:
    assert cheapest([Candidate("a", 10, 0.0)], 0) == ()


def test_cost_grows_with_use_and_load_time_and_fades() -> None:
    assert cost_s(60, 5) > cost_s(60, 1) > cost_s(10, 1) > 0
    assert cost_s(60, 0) > 0, "of two that nobody uses the one that is quick to load leaves"
    assert cost_s(60, 1e9) <= 60
    assert faded(8, HALF_LIFE_S) == 4
    assert faded(8, -5) == 8
