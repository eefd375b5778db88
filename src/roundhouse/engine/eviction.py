"""Which idle models should leave: the cheapest set that frees enough.

The cost of sending a model away is what its return would cost (the time of a load) times how likely that is.
Likelihood comes from a use count that fades with a half-life, so that both how often and how lately count.

Source:
    Lee et al., "LRFU: A Spectrum of Policies that Subsumes the Least Recently Used and Least Frequently Used
    Policies", IEEE Trans. Computers 50 (2001): the fading count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

HALF_LIFE_S = 600.0
"""A use counts half after this time."""

HORIZON_S = 300.0
"""A model is missed if it is wanted again within this time."""

SEARCH_LIMIT = 20_000
"""Steps of the exact search; beyond it the best set found so far is taken."""

_MIN_LIKELIHOOD = 0.01
"""A model never used still costs something, so that of equals the smaller loss is chosen."""


class Candidate(msgspec.Struct, frozen=True):
    """A model that may leave.

    Attributes:
        target: The model.
        footprint_mib: What it frees.
        cost_s: Expected loss in seconds.
    """

    target: str
    footprint_mib: int
    cost_s: float


def faded(uses: float, elapsed_s: float) -> float:
    """A use count after `elapsed_s` seconds without use."""
    return uses * math.exp2(-max(0.0, elapsed_s) / HALF_LIFE_S)


def cost_s(reload_s: float, uses: float) -> float:
    """Expected loss in seconds of sending a model away.

    Args:
        reload_s: Time to load it again.
        uses: Its faded use count now.
    """
    rate_per_s = uses * math.log(2) / HALF_LIFE_S
    return reload_s * max(_MIN_LIKELIHOOD, -math.expm1(-rate_per_s * HORIZON_S))


def cheapest(candidates: Sequence[Candidate], need_mib: int) -> tuple[str, ...] | None:
    """Targets of the cheapest set that frees `need_mib`; None when all together do not.

    Exact by branch and bound (fill up with a fraction of the next one) within `SEARCH_LIMIT` steps.
    """
    if need_mib <= 0:
        return ()
    order = sorted(
        (one for one in candidates if one.footprint_mib > 0),
        key=lambda one: (one.cost_s / one.footprint_mib, -one.footprint_mib, one.target),
    )
    if sum(one.footprint_mib for one in order) < need_mib:
        return None
    best = _greedy(order, need_mib)
    best_cost_s = sum(one.cost_s for one in best)
    open_branches: list[tuple[int, int, float, tuple[Candidate, ...]]] = [(0, 0, 0.0, ())]
    for _ in range(SEARCH_LIMIT):
        if not open_branches:
            break
        index, freed_mib, spent_s, chosen = open_branches.pop()
        if freed_mib >= need_mib:
            if spent_s < best_cost_s - 1e-9:
                best, best_cost_s = chosen, spent_s
            continue
        if spent_s + _least_rest_s(order, index, need_mib - freed_mib) >= best_cost_s - 1e-9:
            continue
        one = order[index]
        open_branches.append((index + 1, freed_mib, spent_s, chosen))
        open_branches.append((index + 1, freed_mib + one.footprint_mib, spent_s + one.cost_s, (*chosen, one)))
    return tuple(sorted(one.target for one in best))


def _greedy(order: Sequence[Candidate], need_mib: int) -> tuple[Candidate, ...]:
    """The best by cost per MiB, then without those that turned out needless, dearest first."""
    taken: list[Candidate] = []
    freed_mib = 0
    for one in order:
        if freed_mib >= need_mib:
            break
        taken.append(one)
        freed_mib += one.footprint_mib
    for one in sorted(taken, key=lambda one: -one.cost_s):
        if freed_mib - one.footprint_mib >= need_mib:
            taken.remove(one)
            freed_mib -= one.footprint_mib
    return tuple(taken)


def _least_rest_s(order: Sequence[Candidate], index: int, need_mib: int) -> float:
    """A lower bound of the cost of freeing `need_mib` from `order[index:]`; infinite when impossible."""
    total_s = 0.0
    for one in order[index:]:
        if one.footprint_mib >= need_mib:
            return total_s + one.cost_s * need_mib / one.footprint_mib
        total_s += one.cost_s
        need_mib -= one.footprint_mib
    return math.inf
