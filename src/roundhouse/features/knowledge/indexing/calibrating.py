"""Keeping the weights of stores right: measured when a store is new, when it has grown, and when its model changed."""

from __future__ import annotations

import msgspec

from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Jobs
from roundhouse.features.knowledge.evaluating.calibration import Calibration, is_due, read_calibration
from roundhouse.features.knowledge.evaluating.cloze import MOST_QUESTIONS
from roundhouse.features.knowledge.indexing import passages as stored
from roundhouse.features.knowledge.indexing.measuring import MOST_PASSAGES, Measuring
from roundhouse.features.knowledge.stores.model import IndexVersion, Store
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.search.analyser import VERSION as ANALYSER

CALIBRATE = "index.calibrate"
"""Kind of the job that measures a store."""

_FIRST_PASSAGES = 200
_FIRST_QUESTIONS = 40
"""So much first: who waits for the first file asks at once."""


class Growth:
    """Has stores measured that have grown.

    Args:
        jobs: Takes jobs.
    """

    def __init__(self, jobs: Jobs[Tx]) -> None:
        self._jobs = jobs

    async def grown(self, tx: Tx, store: Store) -> None:
        """A store has another document: have it measured, where that is due."""
        found = await _searched(tx, store.id)
        if found is None:
            return
        calibration = read_calibration(found[1].calibration)
        passages = await stored.count_visible(tx, store.id)
        if is_due(calibration, passages, found[1].fingerprint, ANALYSER):
            new = NewJob(CALIBRATE, {"store_id": store.id})
            await self._jobs.submit_once(tx, store.owner, new, "store_id")


class Calibrating:
    """Measures stores.

    Args:
        db: The database.
        measuring: Measures.
    """

    def __init__(self, db: Database, measuring: Measuring) -> None:
        self._db = db
        self._measuring = measuring

    async def calibrate(self, store_id: str) -> Calibration | None:
        """Measure the version of a store that is searched, the first time a little before all of it.

        Returns:
            None = the store or its version is gone.

        Raises:
            EmbeddingChanged: Another model stands behind the name by now.
            RoundhouseError: And whatever asking the model raises.
        """
        async with self._db.read() as tx:
            found = await _searched(tx, store_id)
        if found is None:
            return None
        store, version = found
        if read_calibration(version.calibration) is None:
            first = await self._measure(store, version, _FIRST_PASSAGES, _FIRST_QUESTIONS)
            if first.passages == first.store_passages and first.questions < _FIRST_QUESTIONS:
                # All of it was looked at.
                return first
        return await self._measure(store, version, MOST_PASSAGES, MOST_QUESTIONS)

    async def _measure(
        self, store: Store, version: IndexVersion, most_passages: int, most_questions: int
    ) -> Calibration:
        sample = await self._measuring.sample(store, most_passages, most_questions)
        calibration = (await self._measuring.measure(store, version, sample)).calibration
        await self._keep(version.number, calibration)
        return calibration

    async def _keep(self, number: int, calibration: Calibration) -> None:
        async with self._db.begin() as tx:
            values = {"calibration": msgspec.to_builtins(calibration), "analyser": calibration.analyser}
            await indexes.change(tx, number, values)


async def _searched(tx: Tx, store_id: str) -> tuple[Store, IndexVersion] | None:
    store = await stores.any_of(tx, store_id)
    if store is None or store.deleted or store.active_index is None:
        return None
    version = (await indexes.numbered(tx, [store.active_index])).get(store.active_index)
    return None if version is None else (store, version)
