"""Sleep mode of vLLM against a scripted server that sleeps and wakes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers import scripts
from peers.asking import backend_context, provider_of
from peers.scripts import json_answer
from peers.upstream import Exchange, Upstream
from roundhouse.backends.control.vllm import VllmControl
from roundhouse.core.errors import BackendBadAnswer, BackendFailed, ModelNotFound, NotSupported
from roundhouse.core.types import RunningModel


class Sleeper:
    """The paths of a vLLM in development mode with sleep mode."""

    def __init__(self) -> None:
        self.sleeps = False
        self.calls: list[str] = []

    async def __call__(self, exchange: Exchange) -> None:
        target = exchange.request.target
        self.calls.append(f"{exchange.request.method} {target}")
        if target == "/is_sleeping":
            body = json.dumps({"is_sleeping": self.sleeps}).encode()
            return await exchange.answer(body, headers={"Content-Type": "application/json"})
        assert target in ("/sleep?level=1", "/wake_up")
        self.sleeps = target != "/wake_up"
        return await exchange.answer(b"")


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream(Sleeper()) as upstream:
        upstream.paths["/v1/models"] = json_answer({"data": [{"id": "a"}, {"id": "lora"}]})
        yield upstream


@pytest.fixture
async def control(up: Upstream) -> AsyncIterator[VllmControl]:
    async with backend_context() as context:
        yield VllmControl(provider_of("vllm", up.url, options={"sleep": True}), context)


async def test_sleeps_and_wakes(up: Upstream, control: VllmControl) -> None:
    sleeper: Any = up.script
    assert control.manages_memory
    assert await control.running() == [RunningModel("a"), RunningModel("lora")]
    await control.unload("lora")
    assert sleeper.sleeps
    assert await control.running() == []
    await control.unload("a")
    await control.load("a")
    assert not sleeper.sleeps
    await control.load("a")
    changes = [call for call in sleeper.calls if call != "GET /is_sleeping"]
    assert changes == ["POST /sleep?level=1", "POST /wake_up"]


async def test_unknown_model(control: VllmControl) -> None:
    for call in (control.load, control.unload):
        with pytest.raises(ModelNotFound):
            await call("other")


async def test_server_without_sleep_mode(up: Upstream, control: VllmControl) -> None:
    up.script = scripts.error_answer(404)
    with pytest.raises(NotSupported, match="--enable-sleep-mode"):
        await control.unload("a")


async def test_without_the_option_nothing_is_asked(up: Upstream) -> None:
    async with backend_context() as context:
        control = VllmControl(provider_of("vllm", up.url), context)
        assert not control.manages_memory
        for call in (control.load, control.unload):
            with pytest.raises(NotSupported, match="option sleep"):
                await call("a")
        assert await control.running() == [RunningModel("a"), RunningModel("lora")]
    assert {received.target for received in up.requests} == {"/v1/models"}


async def test_bad_answers(up: Upstream, control: VllmControl) -> None:
    up.script = json_answer({"is_sleeping": "perhaps"})
    with pytest.raises(BackendBadAnswer):
        await control.running()
    up.script = scripts.error_answer(500)
    with pytest.raises(BackendFailed):
        await control.load("a")
