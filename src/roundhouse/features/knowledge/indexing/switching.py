"""Which index version is searched: one row says it, and one transaction changes it."""

from __future__ import annotations

import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.core.vectors import VectorIndex
from roundhouse.features.knowledge.indexing import coverage
from roundhouse.features.knowledge.stores.model import IndexVersion, Store
from roundhouse.features.knowledge.stores.ports import VectorHomes
from roundhouse.features.knowledge.stores.rows import index_versions
from roundhouse.features.knowledge.stores.store import indexes, stores
from roundhouse.features.knowledge.stores.told import tell_store
from roundhouse.infra.db import Database, Tx


async def switch(tx: Tx, caller: Caller, store_id: str, number: int, now_s: float) -> IndexVersion:
    """Search a store by this version from now on; by the one before no more, but that one is kept.

    The version before that one is not kept any longer.

    Raises:
        NotFound: The store or the version is gone.
    """
    store, version = await version_of(tx, store_id, number, lock=True)
    if store.active_index == number:
        return version
    versions = await indexes.of_store(tx, store_id)
    for one in versions:
        if one.state == "retired" and one.number != number:
            await indexes.change(tx, one.number, {"state": "gone"})
    if store.active_index is not None:
        await coverage.hold_all(tx, store_id, store.active_index)
        await indexes.change(tx, store.active_index, {"state": "retired"})
    await indexes.change(tx, number, {"state": "active", "activated_at_s": now_s, "error": None})
    await stores.change(tx, store_id, {"active_index": number, "updated_at_s": now_s})
    await tell_store(tx, caller, "update", store, now_s)
    return (await indexes.numbered(tx, [number]))[number]


async def version_of(tx: Tx, store_id: str, number: int, *, lock: bool = False) -> tuple[Store, IndexVersion]:
    """A store, with `lock` so that nobody changes it, and one of its versions; raises NotFound."""
    store = await stores.any_of(tx, store_id, lock=lock)
    version = (await indexes.numbered(tx, [number])).get(number)
    if store is None or store.deleted or version is None or version.store_id != store_id:
        raise NotFound("The vector store, or this index version, was deleted.")
    if version.state == "gone":
        raise NotFound(f"No index version {number}.")
    return store, version


async def drop_gone(db: Database, homes: VectorHomes, store_id: str) -> int:
    """Remove the vectors of versions that nobody wants any more; how many versions that were.

    Raises:
        VectorsUnavailable: A vector store does not answer; the rest is removed another time.
    """
    async with db.read() as tx:
        rows = await tx.execute(
            sa.select(index_versions.c.number).where(
                index_versions.c.store_id == store_id, index_versions.c.state == "gone"
            )
        )
        gone = await indexes.numbered(tx, list(rows.scalars()))
    for version in gone.values():
        home = homes.get(version.kind)
        async with db.begin() as tx:
            await home.drop(tx, VectorIndex(version.number, version.dimensions))
            await coverage.forget(tx, version.number)
            await indexes.forget(tx, version.number)
        await home.settle()
    return len(gone)
