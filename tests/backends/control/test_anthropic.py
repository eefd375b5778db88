"""Anthropic's list of models against a scripted Anthropic."""

from collections.abc import AsyncIterator

import pytest

from peers.anthropic import KEY, AnthropicPeer, anthropic_peer, fault
from peers.asking import backend_context, provider_of
from peers.scripted import Fault
from roundhouse.backends.control.anthropic import AnthropicControl
from roundhouse.core.errors import BackendBadAnswer, BackendFailed, NotSupported
from roundhouse.core.types import ModelInfo


@pytest.fixture
async def peer() -> AsyncIterator[AnthropicPeer]:
    async with anthropic_peer() as made:
        yield made


@pytest.fixture
async def control(peer: AnthropicPeer) -> AsyncIterator[AnthropicControl]:
    async with backend_context() as context:
        yield AnthropicControl(provider_of("anthropic", peer.url, key=KEY), context)


async def test_models_of_all_pages(control: AnthropicControl, peer: AnthropicPeer) -> None:
    found = await control.models()
    assert [info.id for info in found] == peer.models
    assert found[0] == ModelInfo(
        id="claude-0",
        inputs=("image",),
        context_tokens=200_000,
        family="claude",
        tools=True,
        created_s=1_770_163_200,
    )
    assert [asked.query.get("after_id") for asked in peer.asked] == [None, "claude-9", "claude-19"]


async def test_what_a_model_takes(control: AnthropicControl, peer: AnthropicPeer) -> None:
    listed = [
        {"id": "a", "capabilities": {"image_input": {"supported": False}}},
        {"id": "b", "capabilities": {"image_input": {"supported": True}}, "created_at": "soon"},
    ]
    peer.fail("/v1/models", Fault(200, {"data": listed}))
    assert [(info.inputs, info.created_s) for info in await control.models()] == [((), 0), (("image",), 0)]


async def test_a_list_that_does_not_end(control: AnthropicControl, peer: AnthropicPeer) -> None:
    for _ in range(20):
        peer.fail("/v1/models", Fault(200, {"data": [], "has_more": True, "last_id": "x"}))
    with pytest.raises(BackendBadAnswer, match="does not end"):
        await control.models()


async def test_faults(control: AnthropicControl, peer: AnthropicPeer) -> None:
    peer.fail("/v1/models", Fault(401, fault("authentication_error", f"bad {KEY}")))
    with pytest.raises(BackendFailed) as caught:
        await control.models()
    assert KEY not in caught.value.detail
    peer.fail("/v1/models", Fault(200, {"models": []}))
    with pytest.raises(BackendBadAnswer):
        await control.models()


async def test_it_has_no_memory_of_ours(control: AnthropicControl) -> None:
    assert not control.manages_memory
    assert await control.running() == []
    with pytest.raises(NotSupported):
        await control.load("claude-0")
    with pytest.raises(NotSupported):
        await control.unload("claude-0")
    with pytest.raises(NotSupported):
        control.pull("claude-0")
