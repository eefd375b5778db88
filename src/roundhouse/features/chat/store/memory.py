"""SQL of what is remembered of users, and of the switch by which they turn that off."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.chat.model import Memory
from roundhouse.features.chat.rows import memories, memory_switches
from roundhouse.features.chat.store.session import Idempotency
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.tenancy import visible

_FIELDS = [memories.c[name] for name in Memory.__struct_fields__]
_NOBODY = ""


async def get_memory(tx: Tx, caller: Caller, memory_id: str, *, lock: bool = False) -> Memory:
    """A memory that the caller may see; raises NotFound."""
    query = sa.select(*_FIELDS).where(memories.c.id == memory_id, visible(memories, caller))
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise NotFound("No such memory.", param="memory_id")
    return Memory(*row)


async def find_memory_by_digest(tx: Tx, digest: str) -> tuple[Memory, str] | None:
    """The memory that was made under an idempotency key, and the digest of what was asked for then."""
    query = sa.select(memories.c.request_digest, *_FIELDS).where(memories.c.idempotency_digest == digest)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else (Memory(*row[1:]), row[0])


async def list_memories(
    tx: Tx, caller: Caller, user_id: str | None, *, behind: str | None, descending: bool, limit: int
) -> list[Memory]:
    """Memories by creation.

    Args:
        tx: Any transaction.
        caller: Who asks.
        user_id: Only of this user; None = all that the caller may see.
        behind: Only those behind this id, in the order asked for.
        descending: The newest first.
        limit: Most rows.
    """
    query = sa.select(*_FIELDS).where(visible(memories, caller))
    if user_id is not None:
        query = query.where(memories.c.user_id == user_id)
    if behind is not None:
        query = query.where(memories.c.id < behind if descending else memories.c.id > behind)
    query = query.order_by(memories.c.id.desc() if descending else memories.c.id).limit(limit)
    return [Memory(*row) for row in await tx.execute(query)]


async def count_memories(tx: Tx, site_id: str, user_id: str | None) -> int:
    """How many memories of a user there are."""
    query = sa.select(sa.func.count()).select_from(memories).where(memories.c.site_id == site_id)
    return int((await tx.execute(query.where(_of(user_id)))).scalar_one())


async def insert_memory(tx: Tx, memory: Memory, idempotency: Idempotency | None = None) -> None:
    """Enter a memory.

    Raises:
        IntegrityError: Its idempotency key is taken.
    """
    row = msgspec.structs.asdict(memory)
    row["idempotency_digest"] = None if idempotency is None else idempotency.digest
    row["request_digest"] = None if idempotency is None else idempotency.request
    await tx.execute(sa.insert(memories), row)


async def change_memory(tx: Tx, memory_id: str, now_s: float, **changes: Any) -> Memory:
    """Change columns of a memory that was read with a lock; its version rises."""
    change = (
        sa.update(memories)
        .where(memories.c.id == memory_id)
        .values(version=memories.c.version + 1, updated_at_s=now_s, **changes)
        .returning(*_FIELDS)
    )
    return Memory(*(await tx.execute(change)).one())


async def delete_memory(tx: Tx, memory_id: str) -> None:
    """Forget one."""
    await tx.execute(sa.delete(memories).where(memories.c.id == memory_id))


async def memory_enabled(tx: Tx, site_id: str, user_id: str | None) -> bool:
    """Whether memories of a user are used; they are unless switched off."""
    return bool((await tx.execute(sa.select(memory_is_on(site_id, user_id)))).scalar_one())


def memory_is_on(site_id: str, user_id: str | None) -> sa.ColumnElement[bool]:
    """`memory_enabled` as a condition of another query."""
    off = sa.select(memory_switches.c.site_id).where(
        memory_switches.c.site_id == site_id,
        memory_switches.c.user_id == (user_id or _NOBODY),
        memory_switches.c.enabled.is_(False),
    )
    return ~off.exists()


async def switch_memory(tx: Tx, site_id: str, user_id: str | None, *, enabled: bool) -> None:
    """Turn the use of a user's memories on or off."""
    row = {"site_id": site_id, "user_id": user_id or _NOBODY, "enabled": enabled}
    await tx.execute(insert_if_new(tx, memory_switches).values(**row))
    change = sa.update(memory_switches).where(
        memory_switches.c.site_id == site_id, memory_switches.c.user_id == (user_id or _NOBODY)
    )
    await tx.execute(change.values(enabled=enabled))


def _of(user_id: str | None) -> sa.ColumnElement[bool]:
    return memories.c.user_id.is_(None) if user_id is None else memories.c.user_id == user_id
