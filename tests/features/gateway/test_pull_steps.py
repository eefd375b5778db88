"""What a job says of a download, and what can be read out of that again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundhouse.core.types import PullProgress
from roundhouse.features.gateway.pull_steps import read_back, said, share


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (PullProgress("pulling 8eeb52dfb3bb", 1_240_000_000, 4_660_000_000), "pulling 1.24 of 4.66 GB"),
        (PullProgress("pulling 8eeb52dfb3bb", 0, 46_000_000), "pulling 0.00 of 46.00 MB"),
        (PullProgress("pulling 8eeb52dfb3bb", 400, 999), "pulling 400 of 999 B"),
        (PullProgress("pulling manifest"), "pulling manifest"),
        (PullProgress("verifying sha256 digest", 5, 5), "verifying sha256 digest"),
        (PullProgress("success", 5, 5), "success"),
        (PullProgress(""), ""),
    ],
)
def test_a_step_in_words(step, message):
    assert said(step) == message


def test_how_far_a_step_is():
    assert share(PullProgress("pulling", 1, 4)) == 0.25
    assert share(PullProgress("pulling manifest")) == 0.0


@pytest.mark.parametrize("message", ["pulling manifest", "", "1 of 2", "pulling 1 of 2 parsecs", "success"])
def test_words_without_sizes_are_a_status(message):
    assert read_back(message, 0.5) == PullProgress(message)


@given(st.integers(1, 2 * 10**13), st.floats(0, 1))
def test_sizes_come_back_as_exact_as_they_were_said(total_bytes, done):
    step = PullProgress("pulling x", round(total_bytes * done), total_bytes)
    back = read_back(said(step), share(step))
    assert back.status == "pulling"
    assert abs(back.total_bytes - total_bytes) <= 0.006 * total_bytes
    assert abs(back.completed_bytes - step.completed_bytes) <= 0.006 * total_bytes + 1
