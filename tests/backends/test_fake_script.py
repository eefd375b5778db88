"""Scripts of the fakes: failures are played in number, and malformed scripts are refused."""

from __future__ import annotations

from typing import Any

import pytest

from peers.asking import provider_of
from roundhouse.backends.fake_script import Fault, FaultPlayer, read_script
from roundhouse.core.errors import BadInput, RoundhouseError, tree


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.code)
def test_every_error_of_the_tree_can_be_played(kind: type[RoundhouseError]) -> None:
    player = FaultPlayer(Fault(kind.code, times=1, retry_after_s=2))
    with pytest.raises(kind) as caught:
        player.play()
    assert type(caught.value) is kind
    assert caught.value.retry_after_s == 2
    player.play()


def test_without_a_number_every_call_fails() -> None:
    player = FaultPlayer(Fault("busy"))
    for _ in range(5):
        with pytest.raises(RoundhouseError):
            player.play()


def test_no_fault() -> None:
    player = FaultPlayer(None)
    player.play()
    assert player.after_pieces == 0


@pytest.mark.parametrize(
    "options", [{"models": ["a"]}, {"models": {"a": {"footprint_mib": "x"}}}, {"reply": 5}]
)
def test_malformed(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="provider p"):
        read_script(provider_of("fake", "", options=options))
    with pytest.raises(BadInput):
        FaultPlayer(Fault("no_such_code"))
