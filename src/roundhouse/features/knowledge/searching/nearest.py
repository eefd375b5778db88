"""Which chunk of a passage is nearest to a query, and how near: for passages that only words found, and to explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.indexing.ports import Embedder, Preparing
from roundhouse.features.knowledge.stores.model import IndexVersion, Passage

if TYPE_CHECKING:
    from roundhouse.core.vectors import Vector


class Nearest(NamedTuple):
    """The nearest chunk of a passage.

    Attributes:
        similarity: Its cosine, -1 to 1.
        start: Where it begins in the passage's text.
        end: Behind its last character.
    """

    similarity: float
    start: int
    end: int


class Nearness:
    """Measures passages of text against queries.

    Args:
        embedder: Gives the vectors of chunks; it has most of them already.
        preparing: Knows the chunks.
    """

    def __init__(self, embedder: Embedder, preparing: Preparing) -> None:
        self._embedder = embedder
        self._preparing = preparing

    async def measure(
        self,
        caller: Caller,
        index: IndexVersion,
        passages: Sequence[Passage],
        queries: Sequence[Sequence[Vector]],
    ) -> list[Nearest | None]:
        """For each passage its nearest chunk; None = it has no words.

        Args:
            caller: Who asks.
            index: Whose model is asked.
            passages: Which.
            queries: For each passage the vectors that it is measured against, the nearest counts.

        Raises:
            EmbeddingChanged: Another model stands behind the name by now.
            RoundhouseError: And whatever asking the model raises.
        """
        chunks = [self._chunks(one) for one in passages]
        texts = [text for some in chunks for _start, _end, text in some]
        if not texts:
            return [None for _ in passages]
        allowed = msgspec.structs.replace(caller, models=())
        vectors = await self._embedder.embed(
            allowed, index.model, texts, "passage", fingerprint=index.fingerprint
        )
        found: list[Nearest | None] = []
        first = 0
        for some, against in zip(chunks, queries, strict=True):
            of_passage = vectors[first : first + len(some)]
            first += len(some)
            measured = [
                Nearest(float(vector @ query), start, end)
                for (start, end, _text), vector in zip(some, of_passage, strict=True)
                for query in against
            ]
            found.append(max(measured, default=None))
        return found

    def _chunks(self, one: Passage) -> list[tuple[int, int, str]]:
        if one.kind == "image" or not one.text.strip():
            return []
        return [(chunk.start, chunk.end, text) for chunk, text in self._preparing.chunks(one) if text.strip()]
