"""Vectors for tests: the log of what was written is gone through for each search, in plain Python."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from roundhouse.backends.vectors import pending
from roundhouse.backends.vectors.bits import Numbers
from roundhouse.core.ports import Transaction
from roundhouse.core.vectors import MAX_CHUNKS, Match, VectorContext, VectorIndex, VectorQuery, VectorRow

_Held = dict[int, tuple[int, list[float]]]
"""By key: document and vector."""


class FakeVectors:
    """See `core.vectors.VectorStore`; it sees what its transaction sees."""

    def __init__(self, context: VectorContext) -> None:
        del context

    async def create(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.create`."""
        await pending.create(tx, index)

    async def drop(self, tx: Transaction, index: VectorIndex) -> None:
        """See `VectorStore.drop`."""
        await pending.drop(tx, index)

    async def upsert(self, tx: Transaction, index: VectorIndex, rows: Sequence[VectorRow]) -> None:
        """See `VectorStore.upsert`."""
        await pending.upsert(tx, index, rows)

    async def delete(self, tx: Transaction, index: VectorIndex, documents: Sequence[int]) -> None:
        """See `VectorStore.delete`."""
        await pending.delete(tx, index, documents)

    async def settle(self) -> None:
        """Nothing to do."""

    async def search(
        self, tx: Transaction, index: VectorIndex, vector: Numbers, query: VectorQuery
    ) -> list[Match]:
        """See `VectorStore.search`."""
        wanted = vector.tolist()
        found: dict[int, float] = {}
        for key, (document, held) in (await _held(tx, index)).items():
            if document in query.hidden or (query.only is not None and document not in query.only):
                continue
            similarity = sum(one * other for one, other in zip(wanted, held, strict=True))
            passage = key // MAX_CHUNKS
            found[passage] = max(found.get(passage, -1.0), min(1.0, similarity))
        nearest = sorted(found.items(), key=lambda one: (-one[1], one[0]))
        return [Match(*one) for one in nearest[: max(0, query.limit)]]

    async def count(self, tx: Transaction, index: VectorIndex) -> int:
        """See `VectorStore.count`."""
        return len(await _held(tx, index))

    async def read(
        self, tx: Transaction, index: VectorIndex, after: tuple[int, int] | None, limit: int
    ) -> list[VectorRow]:
        """See `VectorStore.read`."""
        rows = [
            VectorRow(key // MAX_CHUNKS, key % MAX_CHUNKS, document, np.array(vector, np.float32))
            for key, (document, vector) in sorted((await _held(tx, index)).items())
        ]
        return [row for row in rows if after is None or row[:2] > after][:limit]

    async def close(self) -> None:
        """Nothing to do."""


async def _held(tx: Transaction, index: VectorIndex) -> _Held:
    held: _Held = {}
    for one in await pending.of_index(tx, index):
        if one.action == "delete":
            held = {key: value for key, value in held.items() if value[0] != one.document}
        elif one.action == "upsert":
            numbers = array("f", one.data).tolist()
            for place, key in enumerate(array("q", one.keys)):
                start = place * index.dimensions
                held[key] = (one.document, numbers[start : start + index.dimensions])
    return held
