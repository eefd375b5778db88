"""The fake's scores; what every reranker promises is in the contract suite."""

from __future__ import annotations

import json

import pytest

from peers.asking import ask, backend_context, provider_of
from roundhouse.backends.rerank.fake import FakeRerank
from roundhouse.core.errors import BackendBusy


async def test_share_of_the_querys_words() -> None:
    async with backend_context() as context:
        backend = FakeRerank(provider_of("fake", ""), context)
        request = ask(
            "rerank", query="the cat sleeps now", documents=["a dog", "the cat", "The cat sleeps now"]
        )
        answer = await backend.rerank(request, "m")
    results = [(result["index"], result["relevance_score"]) for result in json.loads(answer.body)["results"]]
    assert results == [(2, 1.0), (1, 0.5), (0, 0.0)]
    assert answer.usage.prompt_tokens == 4 + 2 + 2 + 4


async def test_scripted_failure() -> None:
    async with backend_context() as context:
        options = {"fault": {"code": "backend_busy", "times": 1}}
        backend = FakeRerank(provider_of("fake", "", options=options), context)
        request = ask("rerank", query="q", documents=["a"])
        with pytest.raises(BackendBusy):
            await backend.rerank(request, "m")
        assert (await backend.rerank(request, "m")).body
