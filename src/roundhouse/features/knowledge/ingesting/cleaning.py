"""Deleting what was in stores that are deleted or expired, and what is left of ingestions that died."""

from __future__ import annotations

import structlog

from roundhouse.core.ports import Clock
from roundhouse.core.vectors import VectorIndex
from roundhouse.features.knowledge.ingesting.ports import PassageIndex
from roundhouse.features.knowledge.ingesting.removing import Removing
from roundhouse.features.knowledge.ingesting.settling import Settling
from roundhouse.features.knowledge.stores.model import Store
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.store import documents, files, indexes, stores
from roundhouse.infra.db import Database

_STORES = 50
_FILES = 200

_log = structlog.get_logger(__name__)


class Cleaning:
    """Removes in the background what nobody sees any more.

    Args:
        db: The database.
        homes: Where vectors are kept.
        index: The full text index.
        settling: Knows the ends of jobs.
        clock: Time.
    """

    def __init__(
        self, db: Database, homes: VectorHomes, index: PassageIndex, settling: Settling, clock: Clock
    ) -> None:
        self._db = db
        self._homes = homes
        self._index = index
        self._settling = settling
        self._clock = clock
        self._removing = Removing(db, homes)

    async def settle(self) -> int:
        """Give files the state of jobs that ended; how many."""
        settled = await self._settling.all()
        await self._settling.give_up_dead()
        return settled

    async def expire(self) -> int:
        """Empty the stores whose time is over; how many. The stores themselves are shown until they are deleted."""
        emptied = 0
        after = ""
        while True:
            async with self._db.read() as tx:
                some = await stores.expired(tx, self._clock.now_s(), after, _STORES)
            for store in some:
                await self._empty(store)
            emptied += len(some)
            if len(some) < _STORES:
                return emptied
            after = some[-1].id

    async def delete_stores(self) -> int:
        """Remove the stores that are deleted, with all that was in them; how many."""
        deleted = 0
        after = ""
        while True:
            async with self._db.read() as tx:
                some = await stores.deleted(tx, after, _STORES)
            for store in some:
                await self._delete(store)
            deleted += len(some)
            if len(some) < _STORES:
                return deleted
            after = some[-1].id

    async def remove_documents(self, store_id: str | None = None) -> int:
        """Remove documents that are not found any more, of one store or of all; how many."""
        return await self._removing.documents_of(store_id)

    async def _empty(self, store: Store) -> None:
        async with self._db.begin() as tx:
            await self._index.dropped(tx, store.site_id, store.id)
            await documents.give_up_store(tx, store.id)
            await files.forget_batches(tx, store.id)
        while True:
            async with self._db.begin() as tx:
                some = await files.some_of_store(tx, store.id, _FILES)
                for file in some:
                    await files.forget(tx, store.id, file.file_id)
            if len(some) < _FILES:
                break
        await self._removing.documents_of(store.id)

    async def _delete(self, store: Store) -> None:
        # An index goes as a whole, before its documents are removed one by one.
        async with self._db.read() as tx:
            versions = await indexes.of_store(tx, store.id)
        for version in versions:
            async with self._db.begin() as tx:
                index = VectorIndex(version.number, version.dimensions)
                await self._homes.get(version.kind).drop(tx, index)
                await indexes.forget(tx, version.number)
            await self._homes.get(version.kind).settle()
        await self._empty(store)
        async with self._db.begin() as tx:
            await stores.forget(tx, store.id)
        _log.info("vector_store_removed", vector_store=store.id)
