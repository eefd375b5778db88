"""OpenAI-compatible embeddings: pass-through, and vectors put into the encoding that was asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers import scripts
from peers.asking import ask, backend_context, provider_of
from peers.scripts import json_answer
from peers.upstream import Upstream
from roundhouse.backends.embedding.openai_compat import OpenAIEmbedding
from roundhouse.core.errors import BackendBadAnswer, BackendFailed, BackendTimeout, BadInput, ContextTooLong
from roundhouse.core.types import Timeouts, Usage

FLOATS = [0.5, -1.0, 0.25]
PACKED = "AAAAPwAAgL8AAIA+"


def listing(*vectors: Any) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 4, "total_tokens": 4}}


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


async def embed(up: Upstream, options: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    async with backend_context() as context:
        limits = Timeouts(first_byte_s=0.3, idle_s=0.3)
        backend = OpenAIEmbedding(
            provider_of("openai", up.url, options=options or {}, timeouts=limits), context
        )
        answer = await backend.embed(ask("embeddings", **{"input": "text", **members}), "e")
    assert answer.usage == Usage(4)
    body: dict[str, Any] = json.loads(answer.body)
    return body


async def test_passes_through(up: Upstream) -> None:
    up.script = json_answer(listing(FLOATS))
    inputs = [{"text": "a cat"}, {"image": "data:image/png;base64,AAAA"}]
    assert await embed(up, input=inputs, dimensions=3, user="u") == listing(FLOATS)
    assert up.requests[0].target == "/v1/embeddings"
    assert up.requests[0].json() == {"model": "e", "input": inputs, "dimensions": 3, "user": "u"}


@pytest.mark.parametrize("given", [FLOATS, PACKED])
@pytest.mark.parametrize(
    ("wish", "expected"),
    [("float", FLOATS), ("base64", PACKED), (None, FLOATS)],
    ids=["float", "base64", "none"],
)
async def test_the_clients_wish_holds(up: Upstream, given: Any, wish: str | None, expected: Any) -> None:
    up.script = json_answer(listing(given, given))
    members = {} if wish is None else {"encoding_format": wish}
    assert await embed(up, **members) == listing(expected, expected)
    assert up.requests[0].json().get("encoding_format") == wish


async def test_mixed_answer_is_made_one(up: Upstream) -> None:
    up.script = json_answer(listing(FLOATS, PACKED))
    assert await embed(up, encoding_format="base64") == listing(PACKED, PACKED)


async def test_unknown_encoding(up: Upstream) -> None:
    with pytest.raises(BadInput) as caught:
        await embed(up, encoding_format="int8")
    assert caught.value.param == "encoding_format"
    assert up.requests == []


async def test_azure(up: Upstream) -> None:
    up.script = json_answer(listing(FLOATS))
    await embed(up, {"azure": True, "api_version": "v"})
    assert up.requests[0].target == "/v1/deployments/e/embeddings?api-version=v"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (json_answer(listing()), BackendBadAnswer),
        (json_answer({"data": [{"index": 0}]}), BackendBadAnswer),
        (json_answer(listing("not base64!")), BackendBadAnswer),
        (json_answer(listing("AAA=")), BackendBadAnswer),
        (json_answer(listing(None)), BackendBadAnswer),
        (json_answer(listing({"a": 1})), BackendBadAnswer),
        (json_answer({"error": {"message": "no"}}), BackendFailed),
        (scripts.html_answer(), BackendBadAnswer),
        (scripts.hang, BackendTimeout),
        (scripts.error_answer(400, "maximum context length is 512 tokens"), ContextTooLong),
    ],
)
async def test_bad_answers(up: Upstream, script: Any, kind: type[Exception]) -> None:
    up.script = script
    with pytest.raises(kind):
        await embed(up)


@pytest.mark.parametrize("vector", [["a", "b"], [[0.5], [0.25]], [None]])
async def test_vectors_that_are_none_cannot_be_packed(up: Upstream, vector: Any) -> None:
    up.script = json_answer(listing(vector))
    with pytest.raises(BackendBadAnswer):
        await embed(up, encoding_format="base64")
