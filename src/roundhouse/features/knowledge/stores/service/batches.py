"""The verbs of batches: many files with one request."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.stores.model import Batch, FileStatus, Store
from roundhouse.features.knowledge.stores.once import Once, once_of
from roundhouse.features.knowledge.stores.schemas import BatchCreate, BatchRead, StoreFileList
from roundhouse.features.knowledge.stores.service.adding import Adding, Wanted
from roundhouse.features.knowledge.stores.service.files import StoreFileService, list_of
from roundhouse.features.knowledge.stores.shapes import chunking_of, read_batch
from roundhouse.features.knowledge.stores.store import files, stores
from roundhouse.features.knowledge.stores.store.listing import Listing
from roundhouse.infra.db import Database, Tx, is_unique_violation

_TRIES = 3


class BatchService:
    """Batches of files in the vector stores of tenants.

    Args:
        db: The database.
        files: The verbs of single files.
        adding: Adds files to stores.
        clock: Time.
    """

    def __init__(self, db: Database, files: StoreFileService, adding: Adding, clock: Clock) -> None:
        self._db = db
        self._files = files
        self._adding = adding
        self._clock = clock

    async def create(
        self, caller: Caller, store_id: str, asked: BatchCreate, idempotency_key: str | None = None
    ) -> BatchRead:
        """Add files to a store, all of them or none.

        Raises:
            NotFound: No such store, or no such file.
            BadInput: Files of a purpose that is not searched.
            Conflict: The store's time is over, or the idempotency key was used for another request.
            QuotaExceeded, QueueFull: No room.
        """
        once = once_of(caller, f"{store_id} batch", idempotency_key, asked.model_dump_json().encode())
        batch_id = await self._known(once)
        if batch_id is None:
            batch_id = await self._create(caller, store_id, asked, once)
        return await self.show(caller, store_id, batch_id)

    async def show(self, caller: Caller, store_id: str, batch_id: str) -> BatchRead:
        """A batch as the API shows it; raises NotFound."""
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            batch = await files.get_batch(tx, store.id, batch_id)
            return read_batch(batch, await files.batch_counts(tx, batch))

    async def page(
        self,
        caller: Caller,
        store_id: str,
        batch_id: str,
        status: FileStatus | None,
        wanted: Listing,
    ) -> StoreFileList:
        """Files of a batch that are still in its store; raises NotFound."""
        async with self._db.read() as tx:
            store = await stores.get(tx, caller, store_id)
            batch = await files.get_batch(tx, store.id, batch_id)
            return list_of(await files.page_of_batch(tx, batch, status, wanted))

    async def cancel(self, caller: Caller, store_id: str, batch_id: str) -> BatchRead:
        """Stop the work on files that are not done; those that are found are found further on. Raises NotFound."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            batch = await files.get_batch(tx, store.id, batch_id, lock=True)
            going = await files.in_progress_of_batch(tx, batch)
            await files.mark_cancelled(tx, batch.id)
            for one in going:
                changes = {"status": "cancelled", "updated_at_s": now_s}
                await files.change(tx, store.id, one.file_id, changes)
        await self._files.cancel_jobs(caller, [one.job_id for one in going if one.job_id is not None])
        return await self.show(caller, store_id, batch_id)

    async def _known(self, once: Once | None) -> str | None:
        if once is None:
            return None
        async with self._db.read() as tx:
            first = await files.find_batch_once(tx, once.digest)
        if first is None:
            return None
        once.check(first[1])
        return first[0].id

    async def _create(self, caller: Caller, store_id: str, asked: BatchCreate, once: Once | None) -> str:
        for _ in range(_TRIES):
            try:
                async with self._db.begin() as tx:
                    store = await stores.get(tx, caller, store_id, lock=True)
                    wanted = await self._wanted(tx, caller, asked)
                    batch = self._batch(store)
                    await files.insert_batch(tx, batch, once)
                    await files.insert_into_batch(tx, batch.id, [one.file_id for one in wanted])
                    added = await self._adding.add(tx, caller, store, wanted)
            except sa.exc.IntegrityError as error:
                if not is_unique_violation(error):
                    raise
                first = await self._known(once)
                if first is not None:
                    return first
                continue
            await self._files.cancel_jobs(caller, added.given_up)
            return batch.id
        raise StorageUnavailable("Others keep adding the same files.", retry_after_s=1.0)

    async def _wanted(self, tx: Tx, caller: Caller, asked: BatchCreate) -> list[Wanted]:
        found: dict[str, Wanted] = {}
        for file_id in asked.file_ids or ():
            chunking = chunking_of(asked.chunking_strategy)
            found[file_id] = Wanted(file_id, None, None, asked.attributes, chunking)
        for one in asked.files or ():
            chunking = chunking_of(one.chunking_strategy)
            found[one.file_id] = Wanted(one.file_id, None, None, one.attributes, chunking)
        infos = await self._files.chosen(tx, caller, list(found))
        return [msgspec.structs.replace(one, info=infos[file_id]) for file_id, one in found.items()]

    def _batch(self, store: Store) -> Batch:
        return Batch(
            id=new_id("vsfb"),
            store_id=store.id,
            site_id=store.site_id,
            user_id=store.user_id,
            app_id=store.app_id,
            cancelled=False,
            created_at_s=self._clock.now_s(),
        )
