"""Reranking over the API that Jina and Cohere started: also vLLM, llama.cpp, Voyage, Text Embeddings Inference.

Their answers differ in small things; what leaves here has one shape, best result first.

Source:
    Jina AI reranker API (2026), Cohere rerank v2 (2026), vLLM `/v1/rerank` (2026): `results`.
    Voyage AI reranker API (2026): the same in `data`.
    Text Embeddings Inference (2026): a bare list of `index` and `score`; takes `texts`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.backends.answers import reader_of
from roundhouse.backends.openai_provider import Address, read_options
from roundhouse.backends.rerank.shape import Ranked, rerank_answer, rerank_query
from roundhouse.core.errors import BackendBadAnswer
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, ModelRequest, Provider, Usage
from roundhouse.core.wire import check_answer, close_object


class _Result(msgspec.Struct):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class _Results(msgspec.Struct):
    results: list[_Result] | None = None
    data: list[_Result] | None = None


class JinaRerank:
    """`core.ports.RerankBackend` for the kinds `openai`, `vllm` and `jina`; options: `OpenAIOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        options = read_options(provider)
        self._timeouts = provider.timeouts
        self._texts = options.rerank_texts
        self._reader = reader_of(provider, context.clock)
        self._address = Address(provider, options, context.http, "rerank")

    async def rerank(self, request: ModelRequest, model: str) -> Answer:
        """Documents of the request by relevance; see `core.ports.RerankBackend`.

        Raises:
            BackendFailed: And its kin.
            ContextTooLong: The server says that a document is too long.
            BadInput: `query` or `documents` is missing or of a wrong type.
        """
        query = rerank_query(request)
        changed: dict[str, Any] = {"model": model}
        if self._texts:
            texts = [
                document if isinstance(document, str) else document.get("text")
                for document in query.documents
            ]
            changed.update(documents=None, return_documents=None, top_n=None, texts=texts)
        body = close_object(request.fields, **changed)
        response = await self._address.of(model).send(body, timeouts=self._timeouts)
        ranked, usage = _read(await self._reader.collect(response), len(query.documents))
        return rerank_answer(query, model, ranked, usage)

    async def close(self) -> None:
        """Nothing is held; the connections belong to the context's client."""


def _read(body: bytes, documents: int) -> tuple[list[Ranked], Usage]:
    try:
        if body.lstrip().startswith(b"["):
            usage = Usage()
            found: list[_Result] | None = msgspec.json.decode(body, type=list[_Result])
        else:
            usage = check_answer(body)
            answer = msgspec.json.decode(body, type=_Results)
            found = answer.results if answer.results is not None else answer.data
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BackendBadAnswer("The reranker's results are not what its protocol says.") from None
    ranked: list[Ranked] = []
    for result in found or ():
        score = result.relevance_score if result.relevance_score is not None else result.score
        if score is None or not 0 <= result.index < documents:
            raise BackendBadAnswer("The reranker's results are not of these documents.")
        ranked.append(Ranked(result.index, score))
    return ranked, usage
