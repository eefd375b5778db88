"""Searching over the house of the knowledge room, with a reranker and chunks that a test can see through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from features.knowledge.house import ANN, KnowledgeHouse
from roundhouse.core.errors import RoundhouseError
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.documents import Chunk
from roundhouse.features.knowledge.indexing.source import PassageIndex, PassageSource
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.searching.shapes import Found, SearchAsk
from roundhouse.features.knowledge.stores.model import Document, Passage
from roundhouse.infra.search.indexer import Indexer


class WholePassages:
    """Each passage is one chunk."""

    def __init__(self) -> None:
        self.pictures: dict[int, Any] = {}

    def chunks(self, passage: Passage) -> Sequence[tuple[Chunk, str]]:
        return [(Chunk(0, 0, len(passage.text)), passage.text)]

    async def picture(self, passage: Passage) -> Any:
        return self.pictures.get(passage.number)


class CountingReranker:
    """The more often a text has the letter `z`, the better."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self.fault: RoundhouseError | None = None

    async def rerank(self, caller: Caller, model: str, query: str, texts: Sequence[str]) -> list[float]:
        if self.fault is not None:
            raise self.fault
        self.asked.append((model, query, len(texts)))
        return [min(1.0, text.count("z") / 10) for text in texts]


class NoPictures:
    """Whatever is given is a picture."""

    async def fetch(self, caller: Caller, given: str) -> Any:
        from roundhouse.features.knowledge.embedding.model import Image

        return Image(given.encode())


class SeekingHouse:
    """Finds what is put into a `KnowledgeHouse`.

    Attributes:
        knowledge: That house.
        service: The verb of searching.
        reranker: Who reranks.
        preparing: Who cuts.
    """

    def __init__(self, knowledge: KnowledgeHouse, rerank_model: str | None = None) -> None:
        self.knowledge = knowledge
        self.indexer = Indexer(knowledge.db, [PassageSource()])
        self.reranker = CountingReranker()
        self.preparing = WholePassages()
        self.service = SearchService(
            knowledge.db,
            knowledge.homes,
            knowledge.embedding,
            self.preparing,
            self.indexer,
            self.reranker,
            NoPictures(),
            knowledge.clock,
            rerank_model,
        )

    async def put(self, store_id: str, filename: str, passages: Sequence[Any], **more: Any) -> Document:
        """A document that is found by words and vectors."""
        document = await self.knowledge.write_document(store_id, filename, passages, **more)
        caller = more.get("caller", ANN)
        async with self.knowledge.db.begin() as tx:
            await PassageIndex(self.indexer).published(tx, caller.site_id, store_id, [document.number])
        return document

    async def hide(self, store_id: str, document: Document, caller: Caller = ANN) -> None:
        """As when a document is replaced: it is gone, its vectors are still there."""
        from roundhouse.features.knowledge.stores.store import documents

        async with self.knowledge.db.begin() as tx:
            await documents.change(tx, document.number, {"state": "gone"})
            await PassageIndex(self.indexer).gone(tx, caller.site_id, store_id, [document.number])

    async def find(self, store_id: str, *queries: str, caller: Caller = ANN, **asked: Any) -> Found:
        return await self.service.search(caller, [store_id], SearchAsk(queries=queries, **asked))

    async def texts(self, store_id: str, *queries: str, **asked: Any) -> list[str]:
        return [one.text for one in (await self.find(store_id, *queries, **asked)).passages]


def unit(*numbers: float) -> Any:
    """float32, of length 1."""
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)
