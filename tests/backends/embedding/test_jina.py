"""Jina's embeddings of texts and images against a scripted Jina."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from peers.asking import FakeMedia, ask, backend_context, provider_of
from peers.jina import KEY, JinaPeer, jina_peer, vector_of
from peers.scripted import Fault
from roundhouse.backends.embedding.jina import JinaEmbedding
from roundhouse.backends.openai_form import unpack_floats
from roundhouse.core.errors import (
    AddressRefused,
    BackendBadAnswer,
    BackendBusy,
    BackendFailed,
    BackendRefused,
    BadInput,
    NotSupported,
    RoundhouseError,
    UnsupportedContent,
)
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Usage

PNG = base64.b64encode(b"\x89PNG picture").decode()
MODEL = "jina-embeddings-v4"


@pytest.fixture
async def context() -> AsyncIterator[BackendContext]:
    async with backend_context() as made:
        assert isinstance(made.media, FakeMedia)
        made.media.pages["https://a.test/cat.png"] = (b"", "image/png")
        yield made


@pytest.fixture
async def peer() -> AsyncIterator[JinaPeer]:
    async with jina_peer() as made:
        yield made


@pytest.fixture
def embedding(peer: JinaPeer, context: BackendContext) -> JinaEmbedding:
    return JinaEmbedding(provider_of("jina", f"{peer.url}/v1/", key=KEY), context)


async def embed(embedding: JinaEmbedding, **members: Any) -> Any:
    return msgspec.json.decode((await embedding.embed(ask("embeddings", **members), MODEL)).body)


async def test_texts_and_images(embedding: JinaEmbedding, peer: JinaPeer) -> None:
    given = [
        "one",
        {"text": "two"},
        {"image": "https://a.test/cat.png"},
        {"image": PNG},
        {"image": f"data:image/png;base64,{PNG}"},
    ]
    answer = await embedding.embed(
        ask("embeddings", input=given, dimensions=6, task="retrieval.query", late_chunking=True, user="u"),
        MODEL,
    )
    body = msgspec.json.decode(answer.body)
    sent = [*given[:4], {"image": PNG}]
    assert peer.bodies("/v1/embeddings") == [
        {
            "model": MODEL,
            "input": sent,
            "embedding_type": "float",
            "dimensions": 6,
            "task": "retrieval.query",
            "late_chunking": True,
        }
    ]
    assert [item["embedding"] for item in body["data"]] == [vector_of(item, 6) for item in sent]
    assert answer.usage == Usage(12, 0)


@pytest.mark.parametrize("only_floats", [False, True])
@pytest.mark.parametrize("asked", [{"encoding_format": "base64"}, {"embedding_type": "base64"}])
async def test_base64(
    embedding: JinaEmbedding, peer: JinaPeer, only_floats: bool, asked: dict[str, str]
) -> None:
    peer.only_floats = only_floats
    body = await embed(embedding, input="one", **asked)
    assert peer.bodies("/v1/embeddings")[0]["embedding_type"] == "base64"
    assert unpack_floats(body["data"][0]["embedding"]) == vector_of("one", 4)


async def test_base64_that_nobody_asked_for_is_unpacked(embedding: JinaEmbedding, peer: JinaPeer) -> None:
    peer.fail("/v1/embeddings", Fault(200, {"data": [{"index": 0, "embedding": "AACAPw=="}]}))
    assert (await embed(embedding, input="one"))["data"][0]["embedding"] == [1.0]


async def test_order_and_usage(embedding: JinaEmbedding, peer: JinaPeer) -> None:
    peer.shuffled = True
    peer.usage = {"total_tokens": 5}
    body = await embed(embedding, input=["a", "b", "c"])
    assert [item["embedding"] for item in body["data"]] == [vector_of(text, 4) for text in "abc"]
    assert [item["index"] for item in body["data"]] == [0, 1, 2]
    assert body["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, BadInput),
        ({"input": []}, BadInput),
        ({"input": ""}, BadInput),
        ({"input": [{"text": ""}]}, BadInput),
        ({"input": [{}]}, BadInput),
        ({"input": [{"image": "a", "title": "b"}]}, BadInput),
        ({"input": [{"image": "data:image/png,raw"}]}, BadInput),
        ({"input": [1, 2]}, NotSupported),
        ({"input": [[1, 2]]}, NotSupported),
        ({"input": "a", "encoding_format": "int8"}, NotSupported),
        ({"input": [{"video": "https://a.test/b.mp4"}]}, UnsupportedContent),
        ({"input": [{"image": "http://127.0.0.1/x.png"}]}, AddressRefused),
        ({"input": [{"image": "file:///etc/passwd"}]}, AddressRefused),
    ],
)
async def test_inputs_it_cannot_take(
    embedding: JinaEmbedding, peer: JinaPeer, members: dict[str, Any], error: type[RoundhouseError]
) -> None:
    with pytest.raises(error) as caught:
        await embed(embedding, **members)
    assert type(caught.value) is error
    assert not peer.asked


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(401, {"detail": "Invalid API key"}), BackendFailed),
        (Fault(422, {"detail": [{"msg": "task: unknown", "loc": ["task"]}]}), BackendRefused),
        (Fault(429, {"detail": "RATE_TOKEN_LIMIT_EXCEEDED"}), BackendBusy),
        (Fault(200, {"detail": "broke"}), BackendFailed),
        (Fault(200, {"error": {"message": "slow", "code": 429}}), BackendBusy),
        (Fault(200, {"data": []}), BackendBadAnswer),
        (Fault(200, {"data": [{"index": 7, "embedding": [1]}]}), BackendBadAnswer),
        (Fault(200, {"data": [{"index": 0}]}), BackendBadAnswer),
        (Fault(200, {"data": [{"index": 0, "embedding": {"a": 1}}]}), BackendBadAnswer),
        (Fault(200, {"data": [{"index": 0, "embedding": "!!!!"}]}), BackendBadAnswer),
        (Fault(200, b"<html>", {"Content-Type": "text/html"}), BackendBadAnswer),
        (Fault(cut=True), BackendFailed),
    ],
)
async def test_faults(
    embedding: JinaEmbedding, peer: JinaPeer, fault: Fault, error: type[RoundhouseError]
) -> None:
    peer.fail("/v1/embeddings", fault)
    with pytest.raises(error) as caught:
        await embed(embedding, input="a")
    assert type(caught.value) is error
    assert KEY not in caught.value.detail
