"""Which paths lie over one of ours."""

from __future__ import annotations

import pytest

from roundhouse.features.tasks.importing.gateway.shadows import lies_over

OURS = ["/livez", "/chat/stream", "/v2/{name}/x", "/files/{rest:path}", "/"]


@pytest.mark.parametrize(
    "path", ["/livez", "/LIVEZ/", "/chat/{x}", "/v2/a/x", "/v2/a/{y}", "/files/a/b", "/v1/a"]
)
def test_these_do(path: str) -> None:
    assert lies_over(path, OURS)


@pytest.mark.parametrize(
    "path", ["/livez2", "/chat", "/chat/stream/a", "/v2/a/y", "/v2/a", "/ai/livez", "/v11/a"]
)
def test_these_do_not(path: str) -> None:
    assert not lies_over(path, OURS)
