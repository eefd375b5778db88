"""Lists of models as each kind of server writes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers import scripts
from peers.asking import backend_context, provider_of
from peers.scripts import json_answer
from peers.upstream import Upstream
from roundhouse.backends.control.openai_compat import OpenAIControl
from roundhouse.core.errors import BackendBadAnswer, BackendBusy, BackendDown, BackendFailed, BadInput
from roundhouse.core.types import ModelInfo

CHAT = ("chat", "completions")


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


async def models(up: Upstream, **changed: Any) -> list[ModelInfo]:
    async with backend_context() as context:
        return await OpenAIControl(provider_of("openai", up.url, key="k", **changed), context).models()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
            ModelInfo("gpt-4o", created_s=1715367049),
        ),
        ({"id": "text-embedding-3-small"}, ModelInfo("text-embedding-3-small", ("embeddings",))),
        ({"id": "BAAI/bge-reranker-v2-m3"}, ModelInfo("BAAI/bge-reranker-v2-m3", ("rerank",))),
        (
            {"id": "vllm", "created": 5, "root": "m", "max_model_len": 4096, "permission": []},
            ModelInfo("vllm", context_tokens=4096, created_s=5),
        ),
        (
            {
                "id": "llama.gguf",
                "meta": {"n_ctx_train": 131072, "n_params": 8030261312, "size": 4912898304, "vocab_type": 2},
            },
            ModelInfo("llama.gguf", context_tokens=131072, parameters_b=8.030261312, size_bytes=4912898304),
        ),
        (
            {"id": "llama.gguf", "meta": {"n_ctx": 4096, "n_ctx_train": 131072}},
            ModelInfo("llama.gguf", context_tokens=4096),
        ),
        (
            {
                "id": "qwen2-vl",
                "type": "vlm",
                "arch": "qwen2_vl",
                "quantization": "4bit",
                "max_context_length": 32768,
                "state": "loaded",
            },
            ModelInfo(
                "qwen2-vl", inputs=("image",), context_tokens=32768, quantization="4bit", family="qwen2_vl"
            ),
        ),
        ({"id": "x", "type": "embeddings"}, ModelInfo("x", ("embeddings",))),
        ({"id": "groq", "context_window": 8192}, ModelInfo("groq", context_tokens=8192)),
        (
            {
                "id": "a/b",
                "context_length": 1000,
                "architecture": {"input_modalities": ["text", "image", "audio"]},
                "supported_parameters": ["tools", "seed"],
            },
            ModelInfo("a/b", context_tokens=1000, inputs=("image", "audio"), tools=True),
        ),
        (
            {"id": "mistral", "capabilities": {"vision": True, "function_calling": False}},
            ModelInfo("mistral", inputs=("image",), tools=False),
        ),
        (
            {"id": "odd", "created": "yesterday", "max_model_len": "many", "meta": None, "type": ["x"]},
            ModelInfo("odd"),
        ),
    ],
    ids=lambda value: value["id"] if isinstance(value, dict) else "",
)
async def test_entries(up: Upstream, entry: dict[str, Any], expected: ModelInfo) -> None:
    up.script = json_answer({"object": "list", "data": [entry, {"object": "nameless"}]})
    assert await models(up) == [expected]
    assert (up.requests[0].method, up.requests[0].target) == ("GET", "/v1/models")
    assert up.requests[0].headers["authorization"] == "Bearer k"


async def test_bare_list(up: Upstream) -> None:
    up.script = json_answer([{"id": "a"}, {"id": "b"}])
    assert [model.id for model in await models(up)] == ["a", "b"]


async def test_listed_by_hand_asks_nobody(up: Upstream) -> None:
    info = {"a": {"context_tokens": 4096, "inputs": ["image"], "operations": ["chat"]}}
    found = await models(up, models=("a", "my-embedder"), options={"model_info": info})
    assert found == [
        ModelInfo("a", ("chat",), inputs=("image",), context_tokens=4096),
        ModelInfo("my-embedder", ("embeddings",)),
    ]
    assert up.requests == []


async def test_operator_knows_better_than_the_server(up: Upstream) -> None:
    up.script = json_answer({"data": [{"id": "a", "max_model_len": 9}, {"id": "b", "max_model_len": 9}]})
    found = await models(up, options={"model_info": {"a": {"tools": True, "context_tokens": 5}}})
    assert found == [ModelInfo("a", tools=True, context_tokens=5), ModelInfo("b", context_tokens=9)]


async def test_malformed_model_info(up: Upstream) -> None:
    with pytest.raises(BadInput, match="model_info of provider p: a"):
        await models(up, models=("a",), options={"model_info": {"a": {"context_tokens": "many"}}})


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (json_answer({"data": None}), BackendBadAnswer),
        (json_answer({"data": ["a"]}), BackendBadAnswer),
        (json_answer({"error": {"message": "no", "code": 429}}), BackendBusy),
        (scripts.html_answer(), BackendBadAnswer),
        (scripts.body_answer(b"{", Content_Type="application/json"), BackendBadAnswer),
        (scripts.error_answer(401), BackendFailed),
        (scripts.reset, BackendFailed),
    ],
)
async def test_bad_answers(up: Upstream, script: Any, kind: type[Exception]) -> None:
    up.script = script
    with pytest.raises(kind) as caught:
        await models(up)
    assert type(caught.value) is kind


async def test_nobody_listens() -> None:
    async with backend_context() as context:
        with pytest.raises(BackendDown):
            await OpenAIControl(provider_of("openai", "http://127.0.0.1:9/v1"), context).models()
