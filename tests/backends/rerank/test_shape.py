"""The one rerank shape: order, ties, documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from peers.asking import ask
from roundhouse.backends.rerank.shape import Ranked, rerank_answer, rerank_query
from roundhouse.core.errors import BadInput
from roundhouse.core.types import Usage

DOCUMENTS = ["a", {"text": "b", "id": 5}, "c"]


def answer(ranked: list[Ranked], **members: Any) -> list[dict[str, Any]]:
    query = rerank_query(ask("rerank", query="q", documents=DOCUMENTS, **members))
    results: list[dict[str, Any]] = json.loads(rerank_answer(query, "m", ranked, Usage(3)).body)["results"]
    return results


def test_ties_keep_the_clients_order() -> None:
    ranked = [Ranked(2, 0.5), Ranked(1, 0.5), Ranked(0, -1.0)]
    assert [result["index"] for result in answer(ranked)] == [1, 2, 0]


def test_documents_come_back_as_they_were_given() -> None:
    results = answer([Ranked(1, 0.5), Ranked(0, 0.1)], return_documents=True, top_n=5)
    assert [result["document"] for result in results] == [{"text": "b", "id": 5}, {"text": "a"}]


def test_a_query_may_be_an_image() -> None:
    query = rerank_query(ask("rerank", query={"image": "data:…"}, documents=DOCUMENTS))
    assert query.query == {"image": "data:…"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({}, "query"),
        ({"query": 5, "documents": ["a"]}, "query"),
        ({"query": "q"}, "documents"),
        ({"query": "q", "documents": [1]}, "documents"),
        ({"query": "q", "documents": ["a"], "top_n": -1}, "top_n"),
        ({"query": "q", "documents": ["a"], "return_documents": "yes"}, "return_documents"),
    ],
)
def test_bad_requests(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadInput) as caught:
        rerank_query(ask("rerank", **members))
    assert caught.value.param == param
