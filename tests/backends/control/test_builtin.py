"""What the package says of its own models."""

from typing import cast

import pytest

from roundhouse.backends.chat.extractive import ExtractiveChat
from roundhouse.backends.control.builtin import BuiltinControl
from roundhouse.backends.embedding.minilm import shared_model
from roundhouse.backends.rerank.minilm import MiniLMRerank
from roundhouse.core.errors import ModelNotFound, NotSupported
from roundhouse.core.ports import BackendContext, ModelControl
from roundhouse.core.registry import find
from roundhouse.core.types import Provider, PullProgress


@pytest.fixture
def control() -> ModelControl:
    return BuiltinControl(Provider(name="roundhouse", kind="builtin"), cast("BackendContext", None))


async def test_it_lists_both_models(control: ModelControl) -> None:
    models = {info.id: info for info in await control.models()}
    assert set(models) == {"extractive", "minilm"}
    assert models["extractive"].operations == ("chat", "completions")
    assert models["minilm"].operations == ("embeddings", "rerank")
    assert models["extractive"].context_tokens == 262_144
    assert models["minilm"].context_tokens == 256
    assert control.manages_memory is False


async def test_load_and_unload_move_the_embedding_model(control: ModelControl) -> None:
    await control.unload("minilm")
    assert [model.id for model in await control.running()] == ["extractive"]
    await control.load("minilm", keep_alive_s=5)
    running = {model.id: model.ram_mib for model in await control.running()}
    assert running["minilm"] > 50
    assert shared_model().loaded
    await control.unload("minilm")
    assert not shared_model().loaded
    await control.load("extractive")
    assert not shared_model().loaded


async def test_the_chat_model_cannot_be_unloaded(control: ModelControl) -> None:
    with pytest.raises(NotSupported):
        await control.unload("extractive")


async def test_there_is_nothing_to_pull(control: ModelControl) -> None:
    assert [step async for step in control.pull("minilm")] == [PullProgress("success")]


async def test_other_models_are_not_here(control: ModelControl) -> None:
    with pytest.raises(ModelNotFound):
        await control.load("llama")
    with pytest.raises(ModelNotFound):
        await control.unload("llama")
    with pytest.raises(ModelNotFound):
        await anext(aiter(control.pull("llama")))
    await control.close()


def test_the_registry_finds_every_builtin_seam() -> None:
    assert find("control", "builtin") is BuiltinControl
    assert find("chat", "builtin") is ExtractiveChat
    assert find("rerank", "builtin") is MiniLMRerank
