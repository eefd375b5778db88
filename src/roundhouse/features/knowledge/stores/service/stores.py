"""Making, showing, changing and deleting vector stores."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.core.errors import NotFound, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.jobs import NewJob
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.core.vectors import VectorIndex
from roundhouse.features.knowledge.documents import Chunking
from roundhouse.features.knowledge.stores.model import Store
from roundhouse.features.knowledge.stores.once import Once, once_of
from roundhouse.features.knowledge.stores.ports import DescribedModel, EmbeddingModels, VectorHomes
from roundhouse.features.knowledge.stores.schemas import (
    StoreCreate,
    StoreDeleted,
    StoreList,
    StorePatch,
    StoreRead,
)
from roundhouse.features.knowledge.stores.service.adding import Adding, Wanted
from roundhouse.features.knowledge.stores.service.files import StoreFileService
from roundhouse.features.knowledge.stores.shapes import chunking_of, read_store
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.features.knowledge.stores.store.listing import Listing
from roundhouse.features.knowledge.stores.told import tell_store
from roundhouse.features.knowledge.stores.versions import new_version
from roundhouse.features.knowledge.stores.work import CLEANUP
from roundhouse.infra.db import Database, Tx, is_unique_violation
from roundhouse.infra.jobs.queue import JobQueue

_TRIES = 3
_USED_EVERY_S = 60.0
"""The last use of a store is written down this often at most: a search is no writer."""


class StoreService:
    """Vector stores of tenants.

    Args:
        db: The database.
        models: Knows embedding models.
        homes: Where vectors are kept.
        files: The verbs of files in them.
        adding: Adds files to them.
        jobs: Takes the work.
        clock: Time.
    """

    def __init__(
        self,
        db: Database,
        models: EmbeddingModels,
        homes: VectorHomes,
        files: StoreFileService,
        adding: Adding,
        jobs: JobQueue,
        clock: Clock,
    ) -> None:
        self._db = db
        self._models = models
        self._homes = homes
        self._files = files
        self._adding = adding
        self._jobs = jobs
        self._clock = clock

    async def create(
        self, caller: Caller, asked: StoreCreate, idempotency_key: str | None = None
    ) -> StoreRead:
        """Make a store with an index, or give the one that was made under the same idempotency key.

        Raises:
            ModelNotFound, NotAllowed: The embedding model; and whatever asking it raises.
            BadInput, MissingExtra: That kind of vectors is not set up here, or a file has another purpose.
            NotFound: One of the files.
            QueueFull: Too many files wait already.
            Conflict: The idempotency key was used for another request.
        """
        once = once_of(caller, "vector_store", idempotency_key, asked.model_dump_json().encode())
        store = await self._known(once)
        if store is None:
            store = await self._make(caller, asked, once)
        return await self.show(caller, store.id)

    async def get(self, caller: Caller, store_id: str) -> Store:
        """A store; raises NotFound."""
        async with self._db.read() as tx:
            return await stores.get(tx, caller, store_id)

    async def show(self, caller: Caller, store_id: str) -> StoreRead:
        """A store as the API shows it; raises NotFound."""
        async with self._db.read() as tx:
            found = await stores.some(tx, caller, [store_id])
            if not found:
                raise NotFound("No such vector store.", param="vector_store_id")
            return (await self._shown(tx, list(found.values())))[0]

    async def page(self, caller: Caller, wanted: Listing) -> StoreList:
        """Stores that the caller may see."""
        async with self._db.read() as tx:
            page = await stores.page(tx, caller, wanted)
            data = await self._shown(tx, page.rows)
        last_id = data[-1].id if data else None
        return StoreList(
            data=data,
            has_more=page.has_more,
            first_id=data[0].id if data else None,
            last_id=last_id,
            next_cursor=last_id if page.has_more else None,
        )

    async def update(self, caller: Caller, store_id: str, asked: StorePatch) -> StoreRead:
        """Change a store; raises NotFound."""
        now_s = self._clock.now_s()
        sent = asked.model_fields_set
        async with self._db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            changes: dict[str, object] = {"updated_at_s": now_s}
            for name, empty in (("name", ""), ("description", ""), ("metadata", {})):
                if name in sent:
                    value = getattr(asked, name)
                    changes[name] = empty if value is None else value
            if "expires_after" in sent:
                days = None if asked.expires_after is None else asked.expires_after.days
                changes["expires_after_days"] = days
                changes["expires_at_s"] = stores.expires_at_s(days, store.last_active_at_s)
            await stores.change(tx, store.id, changes)
            store = await stores.get(tx, caller, store_id)
            await tell_store(tx, caller, "update", store, now_s)
        return await self.show(caller, store_id)

    async def delete(self, caller: Caller, store_id: str) -> StoreDeleted:
        """Hide a store at once; what was in it is removed in the background. Raises NotFound."""
        now_s = self._clock.now_s()
        async with self._db.begin() as tx:
            store = await stores.get(tx, caller, store_id, lock=True)
            await stores.change(
                tx, store.id, {"deleted": True, "idempotency_digest": None, "updated_at_s": now_s}
            )
            await self._jobs.submit_once(tx, store.owner, NewJob(CLEANUP, {"store_id": store.id}), "store_id")
            await tell_store(tx, caller, "delete", store, now_s)
        return StoreDeleted(id=store_id)

    async def used(self, store: Store) -> None:
        """Somebody searched it: its time begins anew."""
        now_s = self._clock.now_s()
        if now_s - store.last_active_at_s >= _USED_EVERY_S:
            async with self._db.begin() as tx:
                await stores.mark_used(tx, store, now_s)

    async def _known(self, once: Once | None) -> Store | None:
        if once is None:
            return None
        async with self._db.read() as tx:
            first = await stores.find_once(tx, once.digest)
        if first is None:
            return None
        once.check(first[1])
        return first[0]

    async def _make(self, caller: Caller, asked: StoreCreate, once: Once | None) -> Store:
        described = await self._models.describe(caller, asked.embedding_model or "")
        kind = await self._homes.kind() if asked.vectors == "auto" else asked.vectors
        # Before anything is written: whether it is there.
        self._homes.get(kind)
        for _ in range(_TRIES):
            try:
                async with self._db.begin() as tx:
                    return await self._enter(tx, caller, asked, once, described, kind)
            except sa.exc.IntegrityError as error:
                if not is_unique_violation(error):
                    raise
            first = await self._known(once)
            if first is not None:
                return first
        raise StorageUnavailable("Others keep creating the same vector store.", retry_after_s=1.0)

    async def _enter(
        self,
        tx: Tx,
        caller: Caller,
        asked: StoreCreate,
        once: Once | None,
        described: DescribedModel,
        kind: str,
    ) -> Store:
        now_s = self._clock.now_s()
        days = None if asked.expires_after is None else asked.expires_after.days
        store = Store(
            id=new_id("vs"),
            site_id=caller.site_id,
            user_id=caller.user_id,
            app_id=caller.app_id,
            name=asked.name or "",
            description=asked.description or "",
            metadata=asked.metadata or {},
            chunking=chunking_of(asked.chunking_strategy) or Chunking(),
            active_index=None,
            deleted=False,
            expires_after_days=days,
            last_active_at_s=now_s,
            expires_at_s=stores.expires_at_s(days, now_s),
            created_at_s=now_s,
            updated_at_s=now_s,
        )
        await stores.insert(tx, store, once)
        number = await indexes.insert(tx, new_version(store, described, kind, now_s, active=True))
        await self._homes.get(kind).create(tx, VectorIndex(number, described.dimensions))
        await stores.change(tx, store.id, {"active_index": number})
        infos = await self._files.chosen(tx, caller, asked.file_ids)
        await self._adding.add(tx, caller, store, [Wanted(file_id, infos[file_id]) for file_id in infos])
        await tell_store(tx, caller, "create", store, now_s)
        return store

    async def _shown(self, tx: Tx, rows: list[Store]) -> list[StoreRead]:
        now_s = self._clock.now_s()
        counts = await stores.counts(tx, [store.id for store in rows])
        active = [store.active_index for store in rows if store.active_index is not None]
        versions = await indexes.numbered(tx, active)
        return [
            read_store(store, counts[store.id], versions.get(store.active_index or 0), now_s)
            for store in rows
        ]
