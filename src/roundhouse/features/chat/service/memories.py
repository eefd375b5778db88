"""The verbs of what is remembered of users."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.core.errors import QuotaExceeded, StorageUnavailable
from roundhouse.core.ids import new_id
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat import store
from roundhouse.features.chat.model import Memory
from roundhouse.features.chat.pages import Turn, page_of
from roundhouse.features.chat.rights import check_same, check_version, idempotency, owner
from roundhouse.features.chat.schemas import (
    MemoryCreate,
    MemoryDeleted,
    MemoryList,
    MemoryPatch,
    MemoryRead,
    MemorySwitch,
    MemorySwitchRead,
)
from roundhouse.features.chat.shapes import read_memory
from roundhouse.features.chat.store import Idempotency
from roundhouse.infra.db import Database, is_unique_violation

_TRIES = 3


class MemoryService:
    """Memories of users: written down, read, edited, switched off.

    Args:
        db: The database.
        clock: Time.
        most: Memories of one user.
    """

    def __init__(self, db: Database, clock: Clock, most: int) -> None:
        self._db = db
        self._clock = clock
        self._most = most

    async def create(
        self, caller: Caller, asked: MemoryCreate, idempotency_key: str | None = None
    ) -> MemoryRead:
        """Remember something, or give what was remembered under the same idempotency key.

        Raises:
            NotAllowed: The caller stands for one user and names another.
            Conflict: The idempotency key was used for another request.
            QuotaExceeded: The user has as many memories as it may.
        """
        once = idempotency(caller, "memory", idempotency_key, asked.model_dump_json().encode())
        now_s = self._clock.now_s()
        new = Memory(
            id=new_id("mem"),
            site_id=caller.site_id,
            user_id=owner(caller, asked.user_id),
            app_id=caller.app_id,
            content=asked.content,
            session_id=None,
            version=1,
            created_at_s=now_s,
            updated_at_s=now_s,
        )
        for _ in range(_TRIES):
            try:
                return read_memory(await self._enter(new, once))
            except sa.exc.IntegrityError as error:
                if not is_unique_violation(error):
                    raise
        raise StorageUnavailable("Others keep creating the same memory.", retry_after_s=1.0)

    async def _enter(self, new: Memory, once: Idempotency | None) -> Memory:
        async with self._db.begin() as tx:
            first = None if once is None else await store.find_memory_by_digest(tx, once.digest)
            if first is not None and once is not None:
                check_same(once, first[1])
                return first[0]
            if await store.count_memories(tx, new.site_id, new.user_id) >= self._most:
                raise QuotaExceeded(
                    f"A user has at most {self._most} memories. Delete some.", param="content"
                )
            await store.insert_memory(tx, new, once)
            return new

    async def get(self, caller: Caller, memory_id: str) -> MemoryRead:
        """One memory; raises NotFound."""
        async with self._db.read() as tx:
            return read_memory(await store.get_memory(tx, caller, memory_id))

    async def page(self, caller: Caller, user_id: str | None, turn: Turn) -> MemoryList:
        """A page of memories, by creation.

        Raises:
            BadInput: The cursor is not one of this list.
        """
        async with self._db.read() as tx:
            found = await store.list_memories(
                tx, caller, user_id, behind=turn.place, descending=not turn.rising, limit=turn.limit + 1
            )
        page = page_of(turn, found, lambda one: one.id)
        return MemoryList(
            data=[read_memory(one) for one in page.rows],
            has_more=page.next_cursor is not None,
            next_cursor=page.next_cursor,
            prev_cursor=page.prev_cursor,
        )

    async def update(self, caller: Caller, memory_id: str, asked: MemoryPatch) -> MemoryRead:
        """Put a memory in other words; raises NotFound, Conflict."""
        async with self._db.begin() as tx:
            memory = await store.get_memory(tx, caller, memory_id, lock=True)
            check_version(asked.version, memory.version)
            now_s = self._clock.now_s()
            return read_memory(await store.change_memory(tx, memory.id, now_s, content=asked.content))

    async def delete(self, caller: Caller, memory_id: str) -> MemoryDeleted:
        """Forget one; raises NotFound."""
        async with self._db.begin() as tx:
            memory = await store.get_memory(tx, caller, memory_id, lock=True)
            await store.delete_memory(tx, memory.id)
        return MemoryDeleted(id=memory_id)

    async def switch(self, caller: Caller, asked: MemorySwitch) -> MemorySwitchRead:
        """Turn the use of a user's memories on or off; raises NotAllowed."""
        user_id = owner(caller, asked.user_id)
        async with self._db.begin() as tx:
            await store.switch_memory(tx, caller.site_id, user_id, enabled=asked.enabled)
        return MemorySwitchRead(enabled=asked.enabled, user_id=user_id)

    async def switched(self, caller: Caller, asked_user_id: str | None) -> MemorySwitchRead:
        """Whether memories of a user are used; raises NotAllowed."""
        user_id = owner(caller, asked_user_id)
        async with self._db.read() as tx:
            enabled = await store.memory_enabled(tx, caller.site_id, user_id)
        return MemorySwitchRead(enabled=enabled, user_id=user_id)
