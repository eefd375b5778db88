"""The verbs of index versions: showing, making, moving, switching, deleting."""

from __future__ import annotations

from typing import Any

import msgspec

from roundhouse.core.errors import Conflict, NotFound
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock, Jobs
from roundhouse.core.types import Caller
from roundhouse.core.vectors import VectorIndex
from roundhouse.features.knowledge.embedding.model import EmbeddingModel
from roundhouse.features.knowledge.evaluating.metrics import Quality
from roundhouse.features.knowledge.indexing import coverage
from roundhouse.features.knowledge.indexing.jobs import REINDEX
from roundhouse.features.knowledge.indexing.measuring import Measuring
from roundhouse.features.knowledge.indexing.ports import Embedder
from roundhouse.features.knowledge.indexing.schemas import (
    EvaluateAsk,
    EvaluationRead,
    IndexVersionDeleted,
    IndexVersionList,
    IndexVersionRead,
    MoveAsk,
    PassageCount,
    QualityRead,
    ReindexAsk,
)
from roundhouse.features.knowledge.indexing.switching import drop_gone, switch, version_of
from roundhouse.features.knowledge.stores.model import IndexVersion, Store
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.features.knowledge.stores.versions import new_version
from roundhouse.infra.db import Database, Tx

_BEING_MADE = ("building", "ready", "failed")


class IndexService:
    """Index versions of vector stores.

    Args:
        db: The database.
        homes: Where vectors are kept.
        embedder: Knows embedding models.
        measuring: Measures what is searched.
        jobs: Takes jobs.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        homes: VectorHomes,
        embedder: Embedder,
        measuring: Measuring,
        jobs: Jobs[Tx],
        clock: Clock,
    ) -> None:
        self._db = db
        self._homes = homes
        self._embedder = embedder
        self._measuring = measuring
        self._jobs = jobs
        self._clock = clock

    async def all(self, caller: Caller, store_id: str) -> IndexVersionList:
        """All versions of a store, the newest first; raises NotFound."""
        async with self._db.read() as tx:
            await stores.get(tx, caller, store_id)
            versions = await indexes.of_store(tx, store_id)
        shown = [_read(one) for one in reversed(versions) if one.state != "gone"]
        return IndexVersionList(data=shown)

    async def reindex(self, caller: Caller, store_id: str, asked: ReindexAsk) -> IndexVersionRead:
        """Begin a new version; what is searched stays until it is complete.

        With the model as it is, vectors are copied.

        Raises:
            NotFound: No such store.
            Conflict: Another version is being made, or this one would be like the one that is searched.
            ModelNotFound, NotAllowed: The embedding model; and whatever asking it raises.
            Unprocessable: That kind of vectors is not set up here.
        """
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            searched = await _searched(tx, store)
        name = asked.embedding_model or (searched.model if searched is not None else "")
        model = await self._embedder.describe(caller, name)
        kind = asked.vectors or (searched.kind if searched is not None else await self._homes.kind())
        return await self._begin(caller, store_id, model, kind, asked.switch)

    async def move(self, caller: Caller, store_id: str, asked: MoveAsk) -> IndexVersionRead:
        """Begin to keep the same vectors elsewhere; raises as `reindex`."""
        return await self.reindex(caller, store_id, ReindexAsk(vectors=asked.vectors, switch=asked.switch))

    async def activate(self, caller: Caller, store_id: str, number: int) -> IndexVersionRead:
        """Search a store by another version: a new one, or the one before.

        At once if it holds every document; else it is filled first, by the job that it names then.

        Raises:
            NotFound: No such store or version.
            Conflict: It is not complete yet.
        """
        async with self._db.begin() as tx:
            await stores.get(tx, caller, store_id, lock=True)
            _store, version = await version_of(tx, store_id, number, lock=True)
            if version.state in ("building", "failed"):
                raise Conflict(f"This index version is {version.state}.")
            if await coverage.is_whole(tx, store_id, number):
                return _read(await switch(tx, caller, store_id, number, self._clock.now_s()))
            await self._submit(tx, caller, version, "always", None)
            return _read((await indexes.numbered(tx, [number]))[number])

    async def delete(self, caller: Caller, store_id: str, number: int) -> IndexVersionDeleted:
        """Do not keep a version any longer; a job that fills it stops.

        Raises:
            NotFound: No such store or version.
            Conflict: It is the one that is searched.
        """
        async with self._db.begin() as tx:
            await stores.get(tx, caller, store_id, lock=True)
            _store, version = await version_of(tx, store_id, number, lock=True)
            if version.state == "active":
                raise Conflict("This index version is the one that is searched.")
            await indexes.change(tx, number, {"state": "gone"})
        await drop_gone(self._db, self._homes, store_id)
        return IndexVersionDeleted(id=number)

    async def evaluate(self, caller: Caller, store_id: str, asked: EvaluateAsk) -> EvaluationRead:
        """How well the version that is searched finds what the store's own passages say; changes nothing.

        Raises:
            NotFound: No such store, or it has no index version.
            EmbeddingChanged: Another model stands behind the name by now.
            RoundhouseError: And whatever asking the model raises.
        """
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            version = await _searched(tx, store)
        if version is None:
            raise NotFound("The store has no index version.")
        sample = await self._measuring.sample(store, asked.passages, asked.questions)
        found = await self._measuring.measure(store, version, sample)
        spoken = {one.language for one in found.trials if one.language}
        groups: dict[str, str | None] = {"all": None} | (
            {one: one for one in sorted(spoken)} if len(spoken) > 1 else {}
        )
        return EvaluationRead(
            vector_store_id=store_id,
            index_version=version.number,
            passages=len(sample.passages),
            results={
                name: _figures(self._measuring.qualities(sample, found, language))
                for name, language in groups.items()
            },
            alpha=found.calibration.alpha,
        )

    async def _begin(
        self, caller: Caller, store_id: str, model: EmbeddingModel, kind: str, how: str
    ) -> IndexVersionRead:
        # Before anything is written: whether it is there.
        home = self._homes.get(kind)
        async with self._db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            for one in await indexes.of_store(tx, store_id):
                if one.state in _BEING_MADE:
                    raise Conflict(f"Index version {one.number} is {one.state}: activate or delete it first.")
            searched = await _searched(tx, store)
            same = searched is not None and _same_vectors(searched, model)
            if searched is not None and same and searched.kind == kind:
                raise Conflict("The store is searched by this model and kind of vectors already.")
            version = new_version(store, model, kind, self._clock.now_s(), active=False)
            number = await indexes.insert(tx, version)
            await home.create(tx, VectorIndex(number, model.dimensions))
            made = (await indexes.numbered(tx, [number]))[number]
            await self._submit(tx, caller, made, how, searched.number if searched and same else None)
            made = (await indexes.numbered(tx, [number]))[number]
        return _read(made)

    async def _submit(
        self, tx: Tx, caller: Caller, version: IndexVersion, how: str, copy_from: int | None
    ) -> None:
        given: dict[str, Any] = {
            "store_id": version.store_id,
            "index": str(version.number),
            "switch": how,
        }
        if copy_from is not None:
            given["copy_from"] = str(copy_from)
        job = await self._jobs.submit_once(tx, caller, NewJob(REINDEX, given), "index")
        await indexes.change(tx, version.number, {"job_id": job.id})


async def _searched(tx: Tx, store: Store) -> IndexVersion | None:
    if store.active_index is None:
        return None
    return (await indexes.numbered(tx, [store.active_index])).get(store.active_index)


def _same_vectors(version: IndexVersion, model: EmbeddingModel) -> bool:
    return (version.model, version.fingerprint) == (model.name, model.fingerprint)


def _figures(found: dict[str, Quality]) -> dict[str, QualityRead]:
    names = {"hybrid": "fused", "dense": "dense", "lexical": "lexical"}
    return {name: QualityRead(**msgspec.structs.asdict(found[side])) for name, side in names.items()}


def _read(one: IndexVersion) -> IndexVersionRead:
    if one.state == "gone":
        raise NotFound(f"No index version {one.number}.")
    return IndexVersionRead(
        id=one.number,
        vector_store_id=one.store_id,
        state=one.state,
        vectors=one.kind,
        embedding_model=one.model,
        dimensions=one.dimensions,
        takes_images=one.takes_images,
        analyser=one.analyser,
        calibration=one.calibration,
        probe=one.probe,
        error=one.error,
        job_id=one.job_id,
        passages=PassageCount(total=one.passages_total, done=one.passages_done),
        created_at=int(one.created_at_s),
        activated_at=None if one.activated_at_s is None else int(one.activated_at_s),
    )
