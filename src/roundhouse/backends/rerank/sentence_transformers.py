"""Reranking by cross encoders of sentence-transformers, each in a process of its own on this machine."""

from __future__ import annotations

import msgspec

from roundhouse.backends.embedding.sentence_transformers import worked
from roundhouse.backends.embedding.sentence_transformers_models import SentenceTransformerModels
from roundhouse.backends.rerank.shape import Document, Ranked, rerank_answer, rerank_query
from roundhouse.core.errors import UnsupportedContent
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, ModelRequest, Provider, Usage


class _Done(msgspec.Struct):
    scores: list[float]
    tokens: int


class SentenceTransformersRerank:
    """`core.ports.RerankBackend` for the kind `sentence_transformers`; options: `SentenceTransformersOptions`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._models = SentenceTransformerModels(provider, context)
        self._idle_s = provider.timeouts.idle_s

    async def rerank(self, request: ModelRequest, model: str) -> Answer:
        """Best first; `relevance_score` as the model was made to say it, of most models 0.0 to 1.0.

        Raises:
            MissingExtra: The library is not installed.
            WeightsMissing: The model is not on this machine.
            UnsupportedContent: The query or a document is no text.
            BadInput: One is missing or empty.
        """
        query = rerank_query(request)
        asked = {
            "kind": "rank",
            "query": _text(query.query, "query"),
            "documents": [_text(one, "documents") for one in query.documents],
        }
        done = msgspec.convert(await worked(self._models, model, asked, self._idle_s), _Done)
        ranked = [Ranked(index, score) for index, score in enumerate(done.scores)]
        return rerank_answer(query, model, ranked, Usage(done.tokens))

    async def close(self) -> None:
        """Nothing is held; the process is the memory ledger's, and ends with who started it."""


def _text(document: Document, param: str) -> str:
    text = document if isinstance(document, str) else document.get("text")
    if not isinstance(text, str):
        raise UnsupportedContent("This model takes texts only.", param=param)
    return text
