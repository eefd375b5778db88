"""How an error is told over HTTP."""

import pytest

from roundhouse.core.errors import BackendBusy
from roundhouse.infra.web import problem


@pytest.mark.parametrize(
    ("told_s", "sent"), [(None, None), (0.0, b"1"), (0.4, b"1"), (3.0, b"3"), (6.2, b"7"), (7.0, b"7")]
)
def test_whole_seconds_are_told_as_they_are_and_others_never_too_early(told_s, sent):
    told = problem(BackendBusy("Come later.", retry_after_s=told_s), "req_1")
    assert dict(told.headers).get(b"retry-after") == sent
