"""A vector store over a database, as many readers of it as a test wants, and vectors that are easily told apart."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np

from roundhouse.core.registry import open_vectors
from roundhouse.core.settings import DbSettings
from roundhouse.core.settings_knowledge import KnowledgeSettings
from roundhouse.core.vectors import (
    Match,
    VectorContext,
    VectorIndex,
    VectorQuery,
    VectorRow,
    VectorStore,
)
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.db import Database

SMALL = VectorIndex(7, 4)


def unit(*numbers: float) -> np.ndarray:
    """A vector of length 1."""
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def leaning(cosine: float, dimensions: int = 4) -> np.ndarray:
    """A vector whose cosine to the first axis is as given."""
    vector = np.zeros(dimensions, np.float32)
    vector[0], vector[1] = cosine, np.sqrt(1 - cosine**2)
    return vector


class VectorHouse:
    """Opens stores of one kind over one database; its own is `store`."""

    def __init__(self, kind: str, url: str, folder: Path, **settings: Any) -> None:
        self.kind = kind
        self.url = url
        self.settings = KnowledgeSettings(milvus_url=str(folder / "milvus.db"), **settings)
        self.db = Database(DbSettings(), url)
        self._own = Database(DbSettings(pool_size=2), url)
        self._opened = AsyncExitStack()
        self.reads = 0
        self.store = self.open()

    def context(self, **more: Any) -> VectorContext:
        def read():
            self.reads += 1
            return self._own.read()

        context = VectorContext(self.settings, self.url, read, self._own.begin, SystemClock())
        return context._replace(**more)

    def open(self, **more: Any) -> VectorStore:
        """Another one, as another process has it."""
        store = open_vectors(self.kind, self.context(**more))
        self._opened.push_async_callback(store.close)
        return store

    async def close(self) -> None:
        await self._opened.aclose()
        await self._own.close()
        await self.db.close()

    async def create(self, index: VectorIndex = SMALL) -> VectorIndex:
        async with self.db.begin() as tx:
            await self.store.create(tx, index)
        return index

    async def upsert(self, rows: Sequence[VectorRow], index: VectorIndex = SMALL) -> None:
        async with self.db.begin() as tx:
            await self.store.upsert(tx, index, rows)

    async def delete(self, documents: Sequence[int], index: VectorIndex = SMALL) -> None:
        async with self.db.begin() as tx:
            await self.store.delete(tx, index, documents)

    async def drop(self, index: VectorIndex = SMALL) -> None:
        async with self.db.begin() as tx:
            await self.store.drop(tx, index)

    async def search(
        self,
        vector: np.ndarray,
        query: VectorQuery,
        index: VectorIndex = SMALL,
        store: VectorStore | None = None,
    ) -> list[Match]:
        async with self.db.read() as tx:
            return await (store or self.store).search(tx, index, vector, query)

    async def passages(
        self, *, index: VectorIndex = SMALL, store: VectorStore | None = None, **query: Any
    ) -> list[int]:
        """What is nearest to the first axis."""
        query.setdefault("limit", 10)
        found = await self.search(leaning(1.0, index.dimensions), VectorQuery(**query), index, store)
        return [match.passage for match in found]

    async def count(self, index: VectorIndex = SMALL) -> int:
        async with self.db.read() as tx:
            return await self.store.count(tx, index)

    async def read(self, after: tuple[int, int] | None, limit: int) -> list[VectorRow]:
        async with self.db.read() as tx:
            return await self.store.read(tx, SMALL, after, limit)
