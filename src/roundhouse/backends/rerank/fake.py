"""Reranking without a model: a document is as relevant as the share of the query's words that it holds."""

from __future__ import annotations

import msgspec

from roundhouse.backends.fake_script import FaultPlayer, read_script
from roundhouse.backends.rerank.shape import Document, Ranked, rerank_answer, rerank_query
from roundhouse.core.ports import BackendContext
from roundhouse.core.types import Answer, ModelRequest, Provider, Usage


class FakeRerank:
    """`core.ports.RerankBackend` for the kind `fake`; options: `FakeScript`."""

    def __init__(self, provider: Provider, context: BackendContext) -> None:
        self._script = read_script(provider)
        self._faults = FaultPlayer(self._script.fault)
        self._clock = context.clock

    async def rerank(self, request: ModelRequest, model: str) -> Answer:
        """Best first; raises the scripted error, BadInput."""
        self._faults.play()
        if self._script.delay_s:
            await self._clock.sleep(self._script.delay_s)
        query = rerank_query(request)
        asked = _words(query.query)
        documents = [_words(document) for document in query.documents]
        ranked = [
            Ranked(index, round(len(asked & words) / max(1, len(asked)), 6))
            for index, words in enumerate(documents)
        ]
        return rerank_answer(query, model, ranked, Usage(len(asked) + sum(len(words) for words in documents)))

    async def close(self) -> None:
        """Nothing is held."""


def _words(document: Document) -> set[str]:
    text = document if isinstance(document, str) else msgspec.json.encode(document).decode()
    return set(text.lower().split())
