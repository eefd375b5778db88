"""The two sides of a search over real stores: passages by their vectors, passages by their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from roundhouse.core.types import Caller
from roundhouse.core.vectors import VectorIndex, VectorQuery
from roundhouse.features.knowledge.embedding.model import Image, Input
from roundhouse.features.knowledge.fusion import CANDIDATES, Found
from roundhouse.features.knowledge.indexing.ports import Embedder
from roundhouse.features.knowledge.indexing.source import PASSAGE
from roundhouse.features.knowledge.stores.model import IndexVersion
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.infra import search
from roundhouse.infra.db import Database
from roundhouse.infra.search.parsing import MAX_QUERY_CHARS

if TYPE_CHECKING:
    from roundhouse.core.vectors import Vector

_AMONG = 10_000
"""So many documents can a search by words be narrowed to at once."""


class Scope(msgspec.Struct, frozen=True):
    """Which documents of a store are searched.

    Attributes:
        only: These alone; None = all.
        hidden: None of these.
    """

    only: frozenset[int] | None
    hidden: frozenset[int]

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be found."""
        return self.only is not None and not self.only


class Arms:
    """Asks both sides.

    Args:
        db: The database.
        vectors: Vector stores.
        embedder: Embeds what is asked.
    """

    def __init__(self, db: Database, vectors: VectorHomes, embedder: Embedder) -> None:
        self._db = db
        self._vectors = vectors
        self._embedder = embedder

    async def embed(self, caller: Caller, index: IndexVersion, asked: Sequence[Input]) -> list[Vector]:
        """Vectors of queries by the model of an index version.

        Raises:
            EmbeddingChanged: Another model stands behind the name by now.
            UnsupportedContent: A picture, and the model takes none.
            RoundhouseError: And whatever asking the model raises.
        """
        # Who may search a store may do so by its model, whichever models its key is for.
        allowed = msgspec.structs.replace(caller, models=())
        pictures = any(isinstance(one, Image) for one in asked)
        vectors = await self._embedder.embed(
            allowed, index.model, asked, "passage" if pictures else "query", fingerprint=index.fingerprint
        )
        return list(vectors)

    async def dense(
        self, index: IndexVersion, vector: Vector, scope: Scope, limit: int = CANDIDATES
    ) -> list[Found]:
        """The nearest passages; raises VectorsUnavailable."""
        query = VectorQuery(limit, scope.only, scope.hidden)
        of = VectorIndex(index.number, index.dimensions)
        async with self._db.read() as tx:
            matches = await self._vectors.get(index.kind).search(tx, of, vector, query)
        return [Found(one.passage, one.similarity) for one in matches]

    async def lexical(
        self, caller: Caller, store_id: str, text: str, scope: Scope, limit: int = CANDIDATES
    ) -> list[Found]:
        """Passages with any of the words, by BM25."""
        wanted = search.Query(
            text[:MAX_QUERY_CHARS],
            PASSAGE,
            shelf=store_id,
            limit=limit,
            quotes=False,
            match="any",
            snippets=False,
        )
        if scope.only is None:
            return await self._words(caller, wanted)
        found: list[Found] = []
        only = sorted(scope.only)
        for start in range(0, len(only), _AMONG):
            among = tuple(str(one) for one in only[start : start + _AMONG])
            found += await self._words(caller, msgspec.structs.replace(wanted, among=among))
        return sorted(found, key=lambda one: -one.score)[:limit]

    async def _words(self, caller: Caller, query: search.Query) -> list[Found]:
        async with self._db.read() as tx:
            hits = await search.search(tx, caller, query)
        return [Found(int(hit.ref_id), hit.score) for hit in hits.hits]


def showable(found: Sequence[Found], kept: Mapping[int, object]) -> list[Found]:
    """Those of a list that may be shown, at most `CANDIDATES`, in their order."""
    return [one for one in found if one.passage in kept][:CANDIDATES]
