from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.backends.asr.windows import grouped, joined, quietest, split


def spans_of(steps: list[int]) -> list[tuple[int, int]]:
    edges = [int(one) for one in np.cumsum(steps)]
    return list(pairwise(edges))[::2]


SPANS = st.lists(st.integers(1, 400), min_size=2, max_size=30).map(spans_of)


@given(SPANS, st.integers(50, 800))
def test_nothing_is_lost_and_nothing_grows_too_long(spans, longest):
    found = joined(spans, longest)
    assert all(any(one <= start and end <= two for one, two in found) for start, end in spans)
    assert all(end - start <= longest or (start, end) in set(spans) for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    groups = list(grouped(found, longest))
    assert [span for group in groups for span in group] == found
    assert all(len(group) == 1 or group[-1][1] - group[0][0] <= longest for group in groups)


def test_it_is_cut_where_it_is_quiet():
    sound = np.ones(16_000 * 60, dtype=np.float32)
    sound[16_000 * 25 : 16_000 * 25 + 8000] = 0
    assert abs(quietest(sound, 16_000 * 20, 16_000 * 28) - 16_000 * 25) < 8000
    pieces = list(split(sound, (0, len(sound)), 16_000 * 28))
    assert pieces[0][0] == 0
    assert 16_000 * 25 <= pieces[0][1] <= 16_000 * 25 + 8000
    assert pieces[-1][1] == len(sound)
    assert all(end - start <= 16_000 * 28 for start, end in pieces)
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    assert list(split(sound, (5, 5), 10)) == [(5, 5)]
