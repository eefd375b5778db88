"""The built-in reranker: words in common, and in English also meaning.

The score blends the share of the question's terms that a document holds (`extractive.terms`: Vietnamese with and
without diacritics, Chinese, Hebrew) with the cosine of the built-in embeddings. Those know English only: for
questions in other languages they break ties, no more. A long document counts as its best part.

Source:
    Jina and Cohere rerank APIs (2026-11): `query`, `documents`, `top_n`, `return_documents`; `results` with
    `index` and `relevance_score`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from roundhouse.backends.embedding.minilm import MODEL, shared_model
from roundhouse.core import wire
from roundhouse.core.errors import BadInput, ModelNotFound, UnsupportedContent
from roundhouse.core.language.detection import Language, detect
from roundhouse.core.language.sentences import split
from roundhouse.core.language.terms import overlap
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, Fields, ModelRequest, Provider, Usage

MAX_DOCUMENTS = 1000
MAX_PARTS = 8
"""Parts of a document that are embedded for an English question: those that hold most of its words."""

_PART_CHARS = 700
# Where meaning hardly counts, one part of a document is embedded: the rest would be time for nothing.
_PARTS_BY_LANGUAGE: dict[Language, int] = {"en": MAX_PARTS, "vi": 1, "zh": 1, "he": 1}
_MEANING_SHARE: dict[Language, float] = {"en": 0.6, "vi": 0.1, "zh": 0.1, "he": 0.1}


class _Ask(msgspec.Struct):
    query: str
    documents: list[str]
    top_n: int
    return_documents: bool


class MiniLMRerank:
    """`core.ports.RerankBackend` over the built-in embedding model."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._model = shared_model()

    async def rerank(self, request: ModelRequest, model: str) -> Answer:
        """Documents, best first; `relevance_score` is 0.0 (nothing in common) to 1.0.

        Raises:
            BadInput: `query` or `documents` is missing or empty, too many documents, `top_n` below 1.
            UnsupportedContent: A document is not text.
            ModelNotFound: `model` is not this model.
            MissingExtra: A library or a file of the model is not there.
        """
        if model.lower() != MODEL:
            raise ModelNotFound(f"The built-in reranker is {MODEL!r}, not {model!r}.", param="model")
        ask = _read(request.fields)
        language = detect(ask.query)
        parts, shares = await asyncio.to_thread(_parts_and_shares, ask, language)
        texts = [ask.query, *(part for of_document in parts for part in of_document)]
        vectors, tokens = await self._model.vectors(texts)
        cosines: list[float] = (vectors[1:] @ vectors[0]).tolist()
        share = _MEANING_SHARE[language]
        taken = iter(cosines)
        scores = [
            share * _best(taken, len(of_document)) + (1 - share) * lexical
            for of_document, lexical in zip(parts, shares, strict=True)
        ]
        body = msgspec.json.encode(_answer(ask, scores, model, tokens))
        return Answer(body=body, usage=Usage(prompt_tokens=tokens))

    async def close(self) -> None:
        """Free the model's memory. Idempotent; another user of the model in this process loads it again."""
        if self._model.loaded:
            await self._model.unload()


def _read(fields: Fields) -> _Ask:
    query: str | None = wire.read(fields, "query", str)
    if not query or not query.strip():
        raise BadInput("'query' is missing or empty.", param="query")
    documents = wire.read(fields, "documents", list[Any])
    if not documents:
        raise BadInput("'documents' is missing or empty.", param="documents")
    if len(documents) > MAX_DOCUMENTS:
        raise BadInput(
            f"'documents' has {len(documents)} items; at most {MAX_DOCUMENTS} are allowed.", param="documents"
        )
    top_n: int | None = wire.read(fields, "top_n", int)
    if top_n is not None and top_n < 1:
        raise BadInput("'top_n' must be at least 1.", param="top_n")
    kept: bool | None = wire.read(fields, "return_documents", bool)
    texts = [_document(number, item) for number, item in enumerate(documents)]
    # Jina gives the documents back unless it is told not to.
    return _Ask(query, texts, top_n or len(texts), kept is not False)


def _document(number: int, item: object) -> str:
    text = item.get("text") if isinstance(item, dict) else item
    if isinstance(text, str):
        return text
    if isinstance(item, dict) and item:
        raise UnsupportedContent(
            f"Document {number} is not text; this model takes text only.", param="documents"
        )
    raise BadInput(f"Document {number} is neither a string nor an object with 'text'.", param="documents")


def _parts_and_shares(ask: _Ask, language: Language) -> tuple[list[list[str]], list[float]]:
    """The parts of each document that are embedded, and its share of the question's terms; runs in a thread."""
    parts: list[list[str]] = []
    shares: list[float] = []
    for text in ask.documents:
        of_document = list(_parts(text)) or [" "]
        held = [overlap(ask.query, part, language) for part in of_document]
        shares.append(max(held))
        order = sorted(range(len(held)), key=lambda number: (-held[number], number))[
            : _PARTS_BY_LANGUAGE[language]
        ]
        parts.append([of_document[number] for number in sorted(order)])
    return parts, shares


def _parts(text: str) -> Iterator[str]:
    """Whole sentences, together up to `_PART_CHARS` characters, without overlap."""
    begin: int | None = None
    end = 0
    for start, stop in split(text):
        if begin is not None and stop - begin > _PART_CHARS:
            yield text[begin:end]
            begin = None
        begin = start if begin is None else begin
        end = stop
    if begin is not None:
        yield text[begin:end]


def _best(cosines: Iterator[float], count: int) -> float:
    return min(1.0, max(0.0, *(next(cosines) for _ in range(count))))


def _answer(ask: _Ask, scores: Sequence[float], model: str, tokens: int) -> dict[str, Any]:
    order = sorted(range(len(scores)), key=lambda number: (-scores[number], number))[: ask.top_n]
    results: list[dict[str, Any]] = []
    for number in order:
        result: dict[str, Any] = {"index": number, "relevance_score": round(scores[number], 6)}
        if ask.return_documents:
            result["document"] = {"text": ask.documents[number]}
        results.append(result)
    return {
        "object": "list",
        "model": model,
        "results": results,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
