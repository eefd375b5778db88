"""What every rerank backend promises (`core.ports.RerankBackend`)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.backends import RERANK, Bench, Case
from peers.asking import ask
from roundhouse.core.errors import BackendBusy, BackendFailed, BadInput, RoundhouseError

QUERY = "the cat sleeps"
DOCUMENTS = ["bread and a very long list of other things to buy", "the cat sleeps", "the cat eats"]


@pytest.fixture(params=RERANK, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with case.works() as opened:
        yield opened
        await opened.backend.close()


async def rerank(bench: Bench, **members: Any) -> dict[str, Any]:
    members = {"query": QUERY, "documents": DOCUMENTS, **members}
    answer = await bench.backend.rerank(ask("rerank", **members), bench.model)
    body: dict[str, Any] = json.loads(answer.body)
    assert body["object"] == "list"
    assert body["usage"]["total_tokens"] == answer.usage.total_tokens
    return body


async def test_best_first(bench: Bench) -> None:
    results = (await rerank(bench))["results"]
    assert sorted(result["index"] for result in results) == [0, 1, 2]
    assert results[0]["index"] == 1
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all("document" not in result for result in results)


async def test_top_n(bench: Bench) -> None:
    results = (await rerank(bench, top_n=1))["results"]
    assert [result["index"] for result in results] == [1]


async def test_documents_when_asked(bench: Bench) -> None:
    results = (await rerank(bench, return_documents=True))["results"]
    assert all(result["document"] == {"text": DOCUMENTS[result["index"]]} for result in results)


@pytest.mark.parametrize(
    "members", [{"query": ""}, {"query": None}, {"documents": []}, {"documents": "text"}, {"top_n": 0}]
)
async def test_bad_input(bench: Bench, members: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        await rerank(bench, **members)
    assert caught.value.param == next(iter(members))


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, BackendFailed, False),
        (404, RoundhouseError, False),
        (429, BackendBusy, True),
        (500, BackendFailed, True),
    ],
)
async def test_errors(case: Case, status: int, kind: type[RoundhouseError], retryable: bool) -> None:
    if case.fails is None:
        pytest.skip(f"{case.name} has no server that fails")
    async with case.fails(status) as bench:
        with pytest.raises(kind) as caught:
            await rerank(bench)
    assert caught.value.retryable is retryable
