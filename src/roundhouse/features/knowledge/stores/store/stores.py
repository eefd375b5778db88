"""SQL of vector stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.documents import Chunking
from roundhouse.features.knowledge.stores.model import FileCounts, Store
from roundhouse.features.knowledge.stores.once import Once
from roundhouse.features.knowledge.stores.rows import store_files, vector_stores
from roundhouse.features.knowledge.stores.store.listing import Listing, Page, page_of
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import shared, visible

_FIELDS = [vector_stores.c[name] for name in Store.__struct_fields__]


async def insert(tx: Tx, store: Store, once: Once | None) -> None:
    """Enter a store; raises IntegrityError where its idempotency key was used meanwhile."""
    values = msgspec.structs.asdict(store) | {"chunking": msgspec.to_builtins(store.chunking)}
    await tx.execute(sa.insert(vector_stores).values(**values, **(once.columns if once is not None else {})))


async def get(tx: Tx, caller: Caller, store_id: str, *, lock: bool = False) -> Store:
    """A store that the caller may see and that is not being deleted.

    Args:
        tx: Any transaction; one for writing with `lock`.
        caller: Who asks.
        store_id: `vs_…`.
        lock: Whether to keep others from changing it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    query = sa.select(*_FIELDS).where(
        vector_stores.c.id == store_id,
        visible(vector_stores, caller),
        vector_stores.c.deleted.is_(sa.false()),
    )
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise NotFound("No such vector store.", param="vector_store_id")
    return _store(row)


async def some(tx: Tx, caller: Caller, store_ids: Sequence[str]) -> dict[str, Store]:
    """Those of some stores that the caller may read, by id: its own, and those that its whole tenant shares."""
    query = sa.select(*_FIELDS).where(
        vector_stores.c.id.in_(store_ids),
        shared(vector_stores, caller),
        vector_stores.c.deleted.is_(sa.false()),
    )
    return {row["id"]: _store(row) for row in (await tx.execute(query)).mappings()}


async def named(tx: Tx, caller: Caller, name: str) -> list[Store]:
    """Stores of this very tenant, user and app that have a name, the oldest first."""
    c = vector_stores.c
    owner = [c[column].is_not_distinct_from(getattr(caller, column)) for column in ("user_id", "app_id")]
    query = sa.select(*_FIELDS).where(
        c.site_id == caller.site_id, *owner, c.name == name, c.deleted.is_(sa.false())
    )
    return [_store(row) for row in (await tx.execute(query.order_by(c.id))).mappings()]


async def any_of(tx: Tx, store_id: str, *, lock: bool = False) -> Store | None:
    """A store of any tenant, also one that is being deleted; None = there is none."""
    query = sa.select(*_FIELDS).where(vector_stores.c.id == store_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else _store(row)


async def find_once(tx: Tx, digest: str) -> tuple[Store, str | None] | None:
    """The store that was made under an idempotency key, and the digest of what was asked for then."""
    query = sa.select(vector_stores.c.request_digest, *_FIELDS).where(
        vector_stores.c.idempotency_digest == digest
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else (_store(row), row["request_digest"])


async def page(tx: Tx, caller: Caller, wanted: Listing) -> Page:
    """Stores that the caller may read, by creation."""
    query = sa.select(*_FIELDS).where(shared(vector_stores, caller), vector_stores.c.deleted.is_(sa.false()))
    return await page_of(tx, query, vector_stores.c.id, wanted, _store)


async def change(tx: Tx, store_id: str, values: dict[str, Any]) -> None:
    """Change columns of a store."""
    await tx.execute(sa.update(vector_stores).where(vector_stores.c.id == store_id).values(**values))


async def mark_used(tx: Tx, store: Store, now_s: float) -> None:
    """Its time begins anew."""
    days = store.expires_after_days
    await change(tx, store.id, {"last_active_at_s": now_s, "expires_at_s": expires_at_s(days, now_s)})


async def counts(tx: Tx, store_ids: Sequence[str]) -> dict[str, FileCounts]:
    """Files of stores by how their ingestion stands."""
    query = (
        sa.select(
            store_files.c.store_id,
            store_files.c.status,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(store_files.c.usage_bytes), 0),
        )
        .where(store_files.c.store_id.in_(store_ids))
        .group_by(store_files.c.store_id, store_files.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for store_id, status, count, usage_bytes in await tx.execute(query):
        sums = found.setdefault(store_id, {"usage_bytes": 0})
        sums[status] = int(count)
        sums["usage_bytes"] += int(usage_bytes)
    return {store_id: FileCounts(**found.get(store_id, {})) for store_id in store_ids}


async def deleted(tx: Tx, after: str, limit: int) -> list[Store]:
    """Stores of all tenants that are being deleted, in the order of their ids."""
    query = sa.select(*_FIELDS).where(vector_stores.c.deleted.is_(sa.true()), vector_stores.c.id > after)
    rows = await tx.execute(query.order_by(vector_stores.c.id).limit(limit))
    return [_store(row) for row in rows.mappings()]


async def expired(tx: Tx, now_s: float, after: str, limit: int) -> list[Store]:
    """Stores of all tenants whose time is over and that are not empty yet, in the order of their ids."""
    filled = sa.select(store_files.c.file_id).where(store_files.c.store_id == vector_stores.c.id)
    query = sa.select(*_FIELDS).where(
        vector_stores.c.expires_at_s <= now_s,
        vector_stores.c.deleted.is_(sa.false()),
        vector_stores.c.id > after,
        filled.exists(),
    )
    rows = await tx.execute(query.order_by(vector_stores.c.id).limit(limit))
    return [_store(row) for row in rows.mappings()]


async def forget(tx: Tx, store_id: str) -> None:
    """Delete the row of a store; all that names it is gone already."""
    await tx.execute(sa.delete(vector_stores).where(vector_stores.c.id == store_id))


def expires_at_s(days: int | None, now_s: float) -> float | None:
    """When a store ends that is used now."""
    return None if days is None else now_s + days * 86_400.0


def _store(row: Any) -> Store:
    values = {name: row[name] for name in Store.__struct_fields__}
    return Store(**{**values, "chunking": msgspec.convert(row["chunking"], Chunking)})
