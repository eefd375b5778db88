"""The rerank request and answer in the one shape that leaves the house."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.core.types import Answer, ModelRequest, Usage
from roundhouse.core.wire import read

Document = str | dict[str, Any]


class RerankQuery(msgspec.Struct, frozen=True):
    """What is asked.

    Attributes:
        query: Text, or `{"text": …}` / `{"image": …}`.
        documents: At least one, in the client's order.
        top_n: At most so many results; None = all.
        return_documents: Whether results hold their documents.
    """

    query: Document
    documents: list[Document]
    top_n: int | None
    return_documents: bool


class Ranked(msgspec.Struct, frozen=True):
    """One result: place of the document in the request, and its relevance (larger = better)."""

    index: int
    score: float


def rerank_query(request: ModelRequest) -> RerankQuery:
    """The members of a rerank request; raises BadInput when one is missing or of a wrong type."""
    fields = request.fields
    query = read(fields, "query", Document)
    documents = read(fields, "documents", list[Document])
    if not query:
        raise BadInput("'query' must be a text.", param="query")
    if not documents:
        raise BadInput("'documents' must be a list of at least one text.", param="documents")
    top_n = read(fields, "top_n", Annotated[int, msgspec.Meta(ge=1)])
    return RerankQuery(query, documents, top_n, bool(read(fields, "return_documents", bool)))


def rerank_answer(query: RerankQuery, model: str, ranked: list[Ranked], usage: Usage) -> Answer:
    """The answer: best first, ties in the client's order, at most `top_n`."""
    best = sorted(ranked, key=lambda one: (-one.score, one.index))[: query.top_n]
    results: list[dict[str, Any]] = []
    for one in best:
        result: dict[str, Any] = {"index": one.index, "relevance_score": one.score}
        if query.return_documents:
            document = query.documents[one.index]
            result["document"] = {"text": document} if isinstance(document, str) else document
        results.append(result)
    body = {
        "object": "list",
        "model": model,
        "results": results,
        "usage": {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens},
    }
    return Answer(msgspec.json.encode(body), usage)
