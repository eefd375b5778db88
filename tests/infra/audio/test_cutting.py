"""Windows: all of the speech, in order, cut in pauses only."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.audio import Region
from roundhouse.infra.audio import cut


@st.composite
def speech(draw):
    at, found = 0.0, []
    for _ in range(draw(st.integers(0, 30))):
        start = at + draw(st.floats(0.01, 20))
        at = start + draw(st.floats(0.1, 60))
        found.append(Region(start, at))
    return found


@given(regions=speech(), longest_s=st.floats(1, 120))
def test_all_of_the_speech_and_nothing_else(regions, longest_s):
    windows = cut(regions, 1e9, longest_s)
    inside = [[one for one in regions if window.start_s <= one.start_s < window.end_s] for window in windows]
    assert [one for group in inside for one in group] == regions
    for window, group in zip(windows, inside, strict=True):
        assert (window.start_s, window.end_s) == (group[0].start_s, group[-1].end_s)
        assert window.end_s - window.start_s <= longest_s or len(group) == 1
    assert all(one.end_s < other.start_s for one, other in pairwise(windows))


@given(regions=speech(), duration_s=st.floats(0, 500))
def test_nothing_behind_the_end(regions, duration_s):
    assert all(0 <= one.start_s < one.end_s <= duration_s for one in cut(regions, duration_s, 30))


def test_the_longest_pause_is_cut_in():
    regions = [Region(0, 10), Region(10.2, 16), Region(18, 25), Region(25.1, 29), Region(29.3, 40)]
    assert cut(regions, 40, 30) == [Region(0, 16), Region(18, 40)]


@pytest.mark.parametrize(("regions", "windows"), [([], []), ([Region(0, 900)], [Region(0, 900)])])
def test_nothing_and_one(regions, windows):
    assert cut(regions, 1000, 30) == windows
