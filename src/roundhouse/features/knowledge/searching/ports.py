"""What searching needs of others, besides what indexing needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.embedding.model import Image


class Reranker(Protocol):
    """Says how well texts answer a query; `reranking.EngineReranker` does."""

    async def rerank(self, caller: Caller, model: str, query: str, texts: Sequence[str]) -> list[float]:
        """A score for each text, 0 to 1; raises ModelNotFound, NotAllowed and the rest of the engine's errors."""
        ...


class Pictures(Protocol):
    """Fetches a picture that is searched with; `picturing.AskedPictures` does."""

    async def fetch(self, caller: Caller, given: str) -> Image:
        """The picture of a data URL or of a file's id; raises BadInput, NotFound, TooLarge."""
        ...
