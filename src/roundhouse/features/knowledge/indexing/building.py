"""Filling an index version that is not searched yet, passage by passage; who is killed goes on where it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from roundhouse.core.errors import NotFound
from roundhouse.core.vectors import MAX_CHUNKS, VectorIndex, VectorRow
from roundhouse.features.knowledge.embedding.model import Image, Input
from roundhouse.features.knowledge.indexing import coverage
from roundhouse.features.knowledge.indexing import passages as stored
from roundhouse.features.knowledge.indexing.coverage import Lacking
from roundhouse.features.knowledge.indexing.ports import Embedder, Preparing
from roundhouse.features.knowledge.stores.model import IndexVersion, Passage, Store
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.infra.db import Database, Tx

BATCH = 128
"""Passages that are written at once."""

_READ_AT_ONCE = 1_000
_STALE_AT_ONCE = 200
# Passages that lie so near to one another are read in one go.
_NEAR = 64


Pictures = Callable[[Store, Sequence[Passage]], Awaitable[Mapping[int, Image]]]
"""Gives the pictures of passages of a store, by their numbers."""


class Target(NamedTuple):
    """What is filled.

    Attributes:
        store: The store.
        version: The version.
        source: A version with the same vectors elsewhere, from which they are copied; None = they are made.
    """

    store: Store
    version: IndexVersion
    source: IndexVersion | None


class Building:
    """Fills versions.

    Args:
        db: The database.
        homes: Where vectors are kept.
        embedder: Makes vectors.
        preparing: Knows what is embedded.
    """

    def __init__(self, db: Database, homes: VectorHomes, embedder: Embedder, preparing: Preparing) -> None:
        self._db = db
        self._homes = homes
        self._embedder = embedder
        self._preparing = preparing

    async def fill(
        self, target: Target, tell: Callable[[int, int], None], pictures: Pictures | None = None
    ) -> int:
        """Write all that a version lacks, and remove what it should not hold any more.

        Args:
            target: What is filled.
            tell: Is told how many passages of how many are done.
            pictures: Shows those that are pictures; None = only what is written about them is embedded.

        Returns:
            How many passages were written.

        Raises:
            NotFound: The store or the version is gone meanwhile.
            EmbeddingChanged: Another model stands behind the name by now.
            VectorsUnavailable: The vector store does not answer.
            RoundhouseError: And whatever asking the model raises.
        """
        await self._remove_stale(target)
        written = 0
        home = self._homes.get(target.version.kind)
        while True:
            async with self._db.read() as tx:
                some = await coverage.lacking(tx, target.store.id, target.version.number, BATCH)
                total = await stored.count_visible(tx, target.store.id)
            if some is None:
                break
            rows = await self._rows(target, some.passages, pictures)
            done = await self._write(target, some, rows, total)
            written += len(some.passages)
            tell(done, total)
            await home.settle()
        return written

    async def _write(self, target: Target, some: Lacking, rows: Sequence[VectorRow], total: int) -> int:
        number = target.version.number
        async with self._db.begin() as tx:
            version = await self._there(tx, target)
            if rows:
                await self._homes.get(version.kind).upsert(tx, _index(version), rows)
            await coverage.hold(tx, number, some)
            done = version.passages_done + len(some.passages)
            await indexes.change(tx, number, {"passages_done": done, "passages_total": max(done, total)})
        return done

    async def _there(self, tx: Tx, target: Target) -> IndexVersion:
        """The version as it is now, with its store locked."""
        store = await stores.any_of(tx, target.store.id, lock=True)
        version = (await indexes.numbered(tx, [target.version.number])).get(target.version.number)
        if store is None or store.deleted or version is None or version.state == "gone":
            raise NotFound("The vector store, or this index version, was deleted.")
        return version

    async def _remove_stale(self, target: Target) -> None:
        home = self._homes.get(target.version.kind)
        while True:
            async with self._db.begin() as tx:
                version = await self._there(tx, target)
                gone = await coverage.stale(tx, version.number, _STALE_AT_ONCE)
                if not gone:
                    return
                await home.delete(tx, _index(version), gone)
                await coverage.forget_documents(tx, version.number, gone)
            await home.settle()

    async def _rows(
        self, target: Target, passages: Sequence[Passage], pictures: Pictures | None
    ) -> list[VectorRow]:
        copied = [] if target.source is None else await self._copied(target.source, passages)
        there = {row.passage for row in copied}
        left = [one for one in passages if one.number not in there]
        return copied + await self._embedded(target, left, pictures)

    async def _copied(self, source: IndexVersion, passages: Sequence[Passage]) -> list[VectorRow]:
        """The vectors that another version has of passages."""
        wanted = sorted(one.number for one in passages)
        found: list[VectorRow] = []
        home = self._homes.get(source.kind)
        for first, last in _runs(wanted):
            after: tuple[int, int] | None = (first - 1, MAX_CHUNKS)
            while after is not None:
                async with self._db.read() as tx:
                    rows = await home.read(tx, _index(source), after, _READ_AT_ONCE)
                found += [row for row in rows if row.passage <= last]
                full = len(rows) == _READ_AT_ONCE and rows[-1].passage <= last
                after = (rows[-1].passage, rows[-1].place) if full else None
        numbers = set(wanted)
        return [row for row in found if row.passage in numbers]

    async def _embedded(
        self, target: Target, passages: Sequence[Passage], pictures: Pictures | None
    ) -> list[VectorRow]:
        shown: Mapping[int, Image] = {}
        if pictures is not None and target.version.takes_images:
            shown = await pictures(target.store, passages)
        places: list[tuple[Passage, int]] = []
        inputs: list[Input] = []
        for one in passages:
            for place, given in self._inputs(one, shown.get(one.number)):
                places.append((one, place))
                inputs.append(given)
        if not inputs:
            return []
        version = target.version
        vectors = await self._embedder.embed(
            target.store.owner, version.model, inputs, "passage", fingerprint=version.fingerprint
        )
        return [
            VectorRow(one.number, place, one.document, vector)
            for (one, place), vector in zip(places, vectors, strict=True)
        ]

    def _inputs(self, passage: Passage, picture: Image | None) -> list[tuple[int, Input]]:
        found: list[Input] = [] if picture is None else [picture]
        found += [text for _chunk, text in self._preparing.chunks(passage)]
        return list(enumerate(found))


def _index(version: IndexVersion) -> VectorIndex:
    return VectorIndex(version.number, version.dimensions)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of runs of numbers that lie near to one another; they rise."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number - found[-1][1] <= _NEAR:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
