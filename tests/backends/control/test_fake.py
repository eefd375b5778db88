"""The fake's memory, for tests of residency; the rest is in the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers.asking import backend_context, provider_of
from roundhouse.backends.control.fake import FakeControl
from roundhouse.core.errors import BackendDown
from roundhouse.core.types import ModelInfo, RunningModel

OPTIONS = {
    "manages_memory": True,
    "models": {"big": {"footprint_mib": 4000}, "slow": {"footprint_mib": 500, "on_cpu": True}},
    "model_info": {"big": {"context_tokens": 8192}},
}


@pytest.fixture
async def control(turned_clock: Any) -> AsyncIterator[FakeControl]:
    async with backend_context() as context:
        context.clock = turned_clock
        yield FakeControl(provider_of("fake", "", models=("plain",), options=OPTIONS), context)


async def test_models(control: FakeControl) -> None:
    assert await control.models() == [
        ModelInfo("plain"),
        ModelInfo("big", context_tokens=8192),
        ModelInfo("slow"),
    ]


async def test_memory(control: FakeControl, turned_clock: Any) -> None:
    await control.load("big", keep_alive_s=60)
    await control.load("slow")
    await control.load("plain")
    assert await control.running() == [
        RunningModel("big", vram_mib=4000, expires_at_s=turned_clock.now_s() + 60),
        RunningModel("slow", ram_mib=500),
        RunningModel("plain"),
    ]
    turned_clock.turn(61)
    await control.unload("slow")
    assert await control.running() == [RunningModel("plain")]
    assert control.calls == ["load big", "load slow", "load plain", "unload slow"]


async def test_failing_load() -> None:
    options = {"manages_memory": True, "fault": {"code": "backend_down", "times": 1}}
    async with backend_context() as context:
        control = FakeControl(provider_of("fake", "", models=("a",), options=options), context)
        with pytest.raises(BackendDown):
            await control.load("a")
        assert await control.running() == []
        await control.load("a")
        assert [model.id for model in await control.running()] == ["a"]
