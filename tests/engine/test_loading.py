from __future__ import annotations

import pytest

from engine.residency_fakes import Control, FakeClock, FakeServer, KillableServer, card
from roundhouse.core.errors import BackendDown, BackendFailed
from roundhouse.core.types import RunningModel
from roundhouse.engine.loading import ControlLoader, Killable, find_model, held_mib, same_model


async def test_a_server_that_answers_badly_is_alive_and_one_that_does_not_is_not() -> None:
    clock, probe = FakeClock(), card()
    control = Control(FakeServer(clock, probe, {}))
    loader = ControlLoader(control, 1.0)
    assert await loader.alive()
    control.error = BackendFailed("500")
    assert await loader.alive()
    control.error = BackendDown("refused")
    assert not await loader.alive()


async def test_a_model_server_is_a_loader() -> None:
    clock, probe = FakeClock(), card()
    server = FakeServer(clock, probe, {"m": 1000})
    server.load_s = 0
    control = Control(server)
    loader = ControlLoader(control, 77.0)
    server.take("m")
    assert [one.id for one in await loader.measure()] == ["m"]
    assert not isinstance(loader, Killable)
    assert isinstance(KillableServer(clock, probe, {}), Killable)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("llama3", "llama3", True),
        ("llama3", "llama3:latest", True),
        ("desk/llama3:latest", "desk/llama3", True),
        ("llama3:8b", "llama3", False),
        ("llama3:8b", "llama3:latest", False),
        ("a/llama3", "b/llama3", False),
    ],
)
def test_two_spellings_of_one_model(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same
    assert (find_model([RunningModel(one)], other) is not None) is same


def test_memory_of_a_split_model_is_what_the_card_holds() -> None:
    assert held_mib(RunningModel("m", vram_mib=3000, ram_mib=1000)) == 3000
    assert held_mib(RunningModel("m", ram_mib=1000)) == 1000
