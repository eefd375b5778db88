"""Rerank answers of many servers, made one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from peers import scripts
from peers.asking import ask, backend_context, provider_of
from peers.scripts import json_answer
from peers.upstream import Upstream
from roundhouse.backends.rerank.jina_compat import JinaRerank
from roundhouse.core.errors import BackendBadAnswer, BackendFailed, BackendRefused
from roundhouse.core.types import Answer, Usage

DOCUMENTS = ["first", {"text": "second"}, "third"]


@pytest.fixture
async def up() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


async def rerank(up: Upstream, options: dict[str, Any] | None = None, **members: Any) -> Answer:
    async with backend_context() as context:
        backend = JinaRerank(provider_of("jina", up.url, options=options or {}, key="k"), context)
        return await backend.rerank(ask("rerank", **{"query": "q", "documents": DOCUMENTS, **members}), "r")


# The shapes of Jina, Cohere, vLLM, Voyage and Text Embeddings Inference.
SHAPES: list[tuple[Any, int]] = [
    (
        {
            "model": "jina-reranker",
            "usage": {"total_tokens": 12},
            "results": [
                {"index": 2, "relevance_score": 0.9, "document": {"text": "third"}},
                {"index": 0, "relevance_score": 0.1, "document": {"text": "first"}},
            ],
        },
        12,
    ),
    (
        {
            "id": "x",
            "results": [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
            "meta": {"billed_units": {"search_units": 1}},
        },
        0,
    ),
    (
        {
            "id": "rerank-1",
            "model": "m",
            "usage": {"prompt_tokens": 12, "total_tokens": 12},
            "results": [{"index": 0, "relevance_score": 0.1}, {"index": 2, "relevance_score": 0.9}],
        },
        12,
    ),
    (
        {
            "object": "list",
            "data": [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
            "usage": {"total_tokens": 12},
        },
        12,
    ),
    ([{"index": 0, "score": 0.1}, {"index": 2, "score": 0.9}], 0),
]


@pytest.mark.parametrize(("shape", "tokens"), SHAPES, ids=["jina", "cohere", "vllm", "voyage", "tei"])
async def test_shapes(up: Upstream, shape: Any, tokens: int) -> None:
    up.script = json_answer(shape)
    answer = await rerank(up)
    assert json.loads(answer.body) == {
        "object": "list",
        "model": "r",
        "results": [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    assert answer.usage == Usage(tokens)
    assert up.requests[0].target == "/v1/rerank"
    assert up.requests[0].headers["authorization"] == "Bearer k"
    assert up.requests[0].json() == {"query": "q", "documents": DOCUMENTS, "model": "r"}


async def test_a_server_that_ignores_top_n_and_documents(up: Upstream) -> None:
    up.script = json_answer(SHAPES[4][0])
    answer = await rerank(up, top_n=1, return_documents=True)
    (result,) = json.loads(answer.body)["results"]
    assert result == {"index": 2, "relevance_score": 0.9, "document": {"text": "third"}}


async def test_texts_instead_of_documents(up: Upstream) -> None:
    up.script = json_answer(SHAPES[4][0])
    await rerank(up, {"rerank_texts": True}, top_n=1, return_documents=True)
    assert up.requests[0].json() == {"query": "q", "model": "r", "texts": ["first", "second", "third"]}


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (json_answer({"results": [{"index": 3, "relevance_score": 0.5}]}), BackendBadAnswer),
        (json_answer({"results": [{"index": -1, "relevance_score": 0.5}]}), BackendBadAnswer),
        (json_answer({"results": [{"index": 1}]}), BackendBadAnswer),
        (json_answer({"results": [{"relevance_score": 0.5}]}), BackendBadAnswer),
        (json_answer([1, 2]), BackendBadAnswer),
        (json_answer({"detail": "no"}), BackendFailed),
        (scripts.body_answer(b"[{", Content_Type="application/json"), BackendBadAnswer),
        (scripts.html_answer(), BackendBadAnswer),
        (scripts.error_answer(404, "no model"), BackendRefused),
    ],
)
async def test_bad_answers(up: Upstream, script: Any, kind: type[Exception]) -> None:
    up.script = script
    with pytest.raises(kind) as caught:
        await rerank(up)
    assert type(caught.value) is kind
