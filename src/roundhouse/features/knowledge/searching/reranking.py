"""Asking a reranker through the engine, and the record of what it used."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from roundhouse.core.errors import BackendBadAnswer
from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller, Decision, ModelRequest
from roundhouse.engine.metering import Accounts

_MOST_CHARS = 8_000
"""Of one text; rerankers read 512 to 8,192 tokens."""


class _Result(msgspec.Struct):
    index: int
    relevance_score: float


class _Answer(msgspec.Struct):
    results: list[_Result]


class EngineReranker:
    """Reranks through the engine.

    Args:
        accounts: Asks, and records what was used.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def rerank(self, caller: Caller, model: str, query: str, texts: Sequence[str]) -> list[float]:
        """See `ports.Reranker.rerank`.

        Raises:
            BackendBadAnswer: The answer is about other texts than were sent.
        """
        members = {"query": query, "documents": [text[:_MOST_CHARS] for text in texts], "top_n": len(texts)}
        fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}
        request = ModelRequest("rerank", model, fields, caller, request_id=new_id("req"))
        said = await self._accounts.answer(request, Decision(requested=model))
        try:
            results = msgspec.json.decode(said.body, type=_Answer).results
        except msgspec.MsgspecError:
            raise BackendBadAnswer("The reranker's answer is malformed.") from None
        scores = {one.index: one.relevance_score for one in results}
        if not scores.keys() <= set(range(len(texts))):
            raise BackendBadAnswer("The reranker's answer is about other texts.")
        return [min(1.0, max(0.0, scores.get(place, 0.0))) for place in range(len(texts))]
