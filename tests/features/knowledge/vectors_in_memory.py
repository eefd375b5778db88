"""Vectors and an embedding model that a test can see through."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from roundhouse.core.errors import BadInput, RoundhouseError
from roundhouse.core.ports import Transaction
from roundhouse.core.types import Caller
from roundhouse.core.vectors import Match, VectorIndex, VectorQuery, VectorRow


class MemoryVectors:
    """A `core.vectors.VectorStore` in memory. What a transaction that was rolled back wrote stays in it.

    Attributes:
        rows: By index, passage and place.
        fault: Is raised by every call while it is there.
        upserts: How many rows each call wrote.
    """

    def __init__(self) -> None:
        self.rows: dict[int, dict[tuple[int, int], VectorRow]] = {}
        self.fault: RoundhouseError | None = None
        self.upserts: list[int] = []

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def create(self, tx: Transaction, index: VectorIndex) -> None:
        self._check()
        self.rows.setdefault(index.number, {})

    async def drop(self, tx: Transaction, index: VectorIndex) -> None:
        self._check()
        self.rows.pop(index.number, None)

    async def upsert(self, tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
        self._check()
        self.upserts.append(len(rows))
        for row in rows:
            assert row.vector.shape == (index.dimensions,)
            self.rows[index.number][row.passage, row.place] = row

    async def delete(self, tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
        self._check()
        kept = self.rows.get(index.number, {})
        for key in [key for key, row in kept.items() if row.document in documents]:
            del kept[key]

    async def settle(self) -> None:
        self._check()

    async def search(
        self, tx: Transaction, index: VectorIndex, vector: Any, query: VectorQuery
    ) -> list[Match]:
        self._check()
        best: dict[int, float] = {}
        for row in self.rows.get(index.number, {}).values():
            if row.document in query.hidden or (query.only is not None and row.document not in query.only):
                continue
            best[row.passage] = max(best.get(row.passage, -1.0), float(row.vector @ vector))
        found = [Match(passage, similarity) for passage, similarity in best.items()]
        return sorted(found, key=lambda one: (-one.similarity, one.passage))[: query.limit]

    async def count(self, tx: Transaction, index: VectorIndex) -> int:
        self._check()
        return len(self.rows.get(index.number, {}))

    async def read(
        self, tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
    ) -> list[VectorRow]:
        self._check()
        rows = self.rows.get(index.number, {})
        return [rows[key] for key in sorted(rows) if after is None or key > after][:limit]

    async def close(self) -> None:
        pass


class FakeHomes:
    """One kind of vectors: `embedded` is `vectors`."""

    def __init__(self) -> None:
        self.vectors = MemoryVectors()

    async def kind(self) -> str:
        return "embedded"

    def get(self, kind: str) -> MemoryVectors:
        if kind != "embedded":
            raise BadInput(f"There are no {kind} vectors here.", param="vectors")
        return self.vectors


class FakeModel(msgspec.Struct, frozen=True):
    """What is known of a model."""

    name: str = "builtin/words"
    dimensions: int = 64
    takes_images: bool = False
    fingerprint: str = "words-1"


class FakeEmbedding:
    """An embedding desk whose vectors count words: texts with the same words are near to each other.

    Attributes:
        model: The one that there is.
        calls: How many inputs each call had.
        embedded: All texts, in order.
        faults: Are raised by the next calls, one after the other.
    """

    def __init__(self) -> None:
        self.model = FakeModel()
        self.calls: list[int] = []
        self.embedded: list[str] = []
        self.faults: list[RoundhouseError] = []

    async def describe(self, caller: Caller, model: str = "") -> FakeModel:
        return self.model

    async def embed(
        self,
        caller: Caller,
        model: str,
        inputs: Sequence[Any],
        role: str,
        *,
        fingerprint: str | None = None,
    ) -> Any:
        if self.faults:
            raise self.faults.pop(0)
        self.calls.append(len(inputs))
        self.embedded += [one if isinstance(one, str) else "" for one in inputs]
        return np.stack([self.vector(one) for one in inputs])

    def vector(self, given: Any) -> Any:
        """float32 [dimensions], of length 1."""
        text = given if isinstance(given, str) else given.data.hex()
        made = np.full(self.model.dimensions, 1e-3, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            made[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % self.model.dimensions] += 1
        return made / np.linalg.norm(made)
