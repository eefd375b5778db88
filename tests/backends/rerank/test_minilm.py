"""The built-in reranker: its order in four languages, and its wire."""

import json
from typing import Any, cast

import msgspec
import pytest

from roundhouse.backends.embedding.minilm import shared_model
from roundhouse.backends.rerank.minilm import MAX_DOCUMENTS, MiniLMRerank
from roundhouse.core import wire
from roundhouse.core.errors import BadInput, ModelNotFound, UnsupportedContent
from roundhouse.core.ports import BackendContext, RerankBackend
from roundhouse.core.types import Caller, ModelRequest, Provider

FRUIT = ["Bananas are yellow.", "The train leaves at nine.", "Paris is the capital of France."]

ORDERS = [
    ("When does the train depart?", FRUIT, 1),
    ("Which fruit has a bright colour?", FRUIT, 0),
    ("What is the French capital?", FRUIT, 2),
    (
        "Thư viện mở cửa lúc mấy giờ?",
        ["Quán ăn có món phở.", "Thư viện mở cửa từ 8 giờ sáng.", "Trời hôm nay mưa to."],
        1,
    ),
    (
        "thu vien mo cua luc may gio",
        ["Quán ăn có món phở.", "Thư viện mở cửa từ 8 giờ sáng.", "Trời hôm nay mưa to."],
        1,
    ),
    ("图书馆几点开门？", ["今天下雨。", "饭馆的面条很好吃。", "图书馆早上九点开门。"], 2),
    ("מתי נפתחת הספרייה?", ["הספרייה פתוחה מתשע.", "היום יורד גשם.", "האוכל במסעדה טעים."], 0),
]


@pytest.fixture
def backend() -> RerankBackend:
    return MiniLMRerank(Provider(name="roundhouse", kind="builtin"), cast("BackendContext", None))


def request(**fields: Any) -> ModelRequest:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return ModelRequest(operation="rerank", model="whatever", fields=raw, caller=Caller(key_id="open"))


async def ask(backend: RerankBackend, **fields: Any) -> dict[str, Any]:
    answer = await backend.rerank(request(**fields), "minilm")
    assert wire.check_answer(answer.body) == answer.usage
    body: dict[str, Any] = json.loads(answer.body)
    assert body["object"] == "list"
    assert body["model"] == "minilm"
    assert answer.usage.prompt_tokens > 0
    return body


@pytest.mark.parametrize(("query", "documents", "best"), ORDERS)
async def test_the_best_document_is_first(
    backend: RerankBackend, query: str, documents: list[str], best: int
) -> None:
    results = (await ask(backend, query=query, documents=documents))["results"]
    assert results[0]["index"] == best
    assert results[0]["document"] == {"text": documents[best]}
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert {result["index"] for result in results} == {0, 1, 2}


async def test_top_n_and_documents_left_out(backend: RerankBackend) -> None:
    body = await ask(
        backend,
        query="the train",
        documents=[{"text": text} for text in FRUIT],
        top_n=2,
        return_documents=False,
    )
    assert [set(result) for result in body["results"]] == [{"index", "relevance_score"}] * 2
    assert body["results"][0]["index"] == 1
    assert len((await ask(backend, query="the train", documents=FRUIT, top_n=99))["results"]) == 3


async def test_a_long_document_counts_as_its_best_part(backend: RerankBackend) -> None:
    filler = "The market sells flour and rice to the villages around the lake. " * 60
    body = await ask(
        backend, query="When does the train depart?", documents=[filler, filler + "The train leaves at nine."]
    )
    first, second = body["results"]
    assert first["index"] == 1
    assert first["relevance_score"] > second["relevance_score"] + 0.3


async def test_empty_and_odd_documents_are_scored(backend: RerankBackend) -> None:
    documents = ["", "\u200f", "😀", "The train leaves at nine.", "?" * 5000]
    results = (await ask(backend, query="train", documents=documents))["results"]
    assert results[0]["index"] == 3
    assert len(results) == 5


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"documents": FRUIT}, BadInput), ({"query": " ", "documents": FRUIT}, BadInput), ({"query": "x"}, BadInput),
        ({"query": "x", "documents": []}, BadInput), ({"query": "x", "documents": [5]}, BadInput),
        ({"query": "x", "documents": [{}]}, BadInput), ({"query": "x", "documents": "text"}, BadInput),
        ({"query": "x", "documents": ["y"] * (MAX_DOCUMENTS + 1)}, BadInput),
        ({"query": "x", "documents": FRUIT, "top_n": 0}, BadInput),
        ({"query": "x", "documents": FRUIT, "top_n": "2"}, BadInput), ({"query": 5, "documents": FRUIT}, BadInput),
        ({"query": "x", "documents": [{"image": "http://x"}]}, UnsupportedContent),
    ],
)  # fmt: skip
async def test_malformed_requests(
    backend: RerankBackend, fields: dict[str, Any], error: type[BadInput]
) -> None:
    with pytest.raises(error):
        await backend.rerank(request(**fields), "minilm")


async def test_other_models_are_not_here(backend: RerankBackend) -> None:
    with pytest.raises(ModelNotFound):
        await backend.rerank(request(query="x", documents=FRUIT), "jina")


async def test_closing_frees_the_model(backend: RerankBackend) -> None:
    await ask(backend, query="train", documents=FRUIT)
    assert shared_model().loaded
    await backend.close()
    await backend.close()
    assert not shared_model().loaded
