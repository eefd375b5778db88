"""Ollama's embeddings against a scripted Ollama."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from peers.asking import ask, backend_context, provider_of
from peers.ollama import OllamaPeer, ollama_peer
from peers.scripted import Fault
from roundhouse.backends.embedding.ollama import OllamaEmbedding
from roundhouse.backends.openai_form import unpack_floats
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendFailed,
    BackendRefused,
    BadInput,
    ContextTooLong,
    NotSupported,
    RoundhouseError,
    UnsupportedContent,
)
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Usage


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[OllamaPeer]:
    async with ollama_peer() as made:
        yield made


@pytest.fixture
def embedding(peer: OllamaPeer, context: BackendContext) -> OllamaEmbedding:
    options = {"keep_alive_s": 9, "num_ctx": 256}
    return OllamaEmbedding(provider_of("ollama", peer.url, options=options), context)


async def test_floats_and_base64_are_the_same(embedding: OllamaEmbedding, peer: OllamaPeer) -> None:
    plain = await embedding.embed(ask("embeddings", input=["one", {"text": "two"}], dimensions=3), "embedder")
    packed = await embedding.embed(
        ask("embeddings", input=["one", "two"], dimensions=3, encoding_format="base64"), "embedder"
    )
    body, other = msgspec.json.decode(plain.body), msgspec.json.decode(packed.body)
    assert plain.usage == packed.usage == Usage(6, 0)
    assert body["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    assert [item["index"] for item in body["data"]] == [0, 1]
    for item, packed_item in zip(body["data"], other["data"], strict=True):
        assert unpack_floats(packed_item["embedding"]) == pytest.approx(item["embedding"], rel=1e-6)
        assert len(item["embedding"]) == 3
    assert peer.bodies("/api/embed")[0] == {
        "model": "embedder",
        "input": ["one", "two"],
        "truncate": False,
        "dimensions": 3,
        "keep_alive": 9,
        "options": {"num_ctx": 256},
    }


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, BadInput),
        ([], BadInput),
        ("", BadInput),
        (["a", ""], BadInput),
        ([None], BadInput),
        ([1, 2], NotSupported),
        ([[1, 2]], NotSupported),
        (["a", {"image": "https://a.test/b.png"}], UnsupportedContent),
    ],
)
async def test_inputs_it_cannot_take(
    embedding: OllamaEmbedding, peer: OllamaPeer, given: Any, error: type[RoundhouseError]
) -> None:
    with pytest.raises(error) as caught:
        await embedding.embed(ask("embeddings", input=given), "embedder")
    assert (type(caught.value), caught.value.param) == (error, "input")
    assert not peer.asked


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(404, {"error": "model 'x' not found"}), BackendRefused),
        (Fault(200, {"error": "broke"}), BackendFailed),
        (Fault(200, {"embeddings": []}), BackendBadAnswer),
        (Fault(200, {"embeddings": [["a"]]}), BackendBadAnswer),
        (Fault(200, {}), BackendBadAnswer),
        (Fault(200, b"["), BackendBadAnswer),
        (Fault(cut=True), BackendFailed),
    ],
)
async def test_faults(
    embedding: OllamaEmbedding, peer: OllamaPeer, fault: Fault, error: type[RoundhouseError]
) -> None:
    peer.fail("/api/embed", fault)
    with pytest.raises(error) as caught:
        await embedding.embed(ask("embeddings", input="a", encoding_format="base64"), "embedder")
    assert type(caught.value) is error


async def test_what_the_model_cannot_do(embedding: OllamaEmbedding) -> None:
    with pytest.raises(ContextTooLong):
        await embedding.embed(ask("embeddings", input="x" * 3000), "embedder")
    with pytest.raises(NotSupported, match="does not support embeddings"):
        await embedding.embed(ask("embeddings", input="x"), "tiny")
