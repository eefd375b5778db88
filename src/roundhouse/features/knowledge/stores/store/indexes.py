"""SQL of index versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.features.knowledge.stores.model import LIVE_INDEXES, IndexVersion
from roundhouse.features.knowledge.stores.rows import index_versions
from roundhouse.infra.db import Tx

_FIELDS = [index_versions.c[name] for name in IndexVersion.__struct_fields__]


async def insert(tx: Tx, version: IndexVersion) -> int:
    """Enter an index version; its number, whatever the struct's is."""
    values = msgspec.structs.asdict(version)
    del values["number"]
    made = await tx.execute(sa.insert(index_versions).values(**values).returning(index_versions.c.number))
    return int(made.scalar_one())


async def numbered(tx: Tx, numbers: Sequence[int]) -> dict[int, IndexVersion]:
    """Some index versions by number."""
    query = sa.select(*_FIELDS).where(index_versions.c.number.in_(numbers))
    return {row["number"]: IndexVersion(**row) for row in (await tx.execute(query)).mappings()}


async def of_store(tx: Tx, store_id: str) -> list[IndexVersion]:
    """All index versions of a store, the oldest first."""
    query = sa.select(*_FIELDS).where(index_versions.c.store_id == store_id)
    rows = await tx.execute(query.order_by(index_versions.c.number))
    return [IndexVersion(**row) for row in rows.mappings()]


async def live(tx: Tx, store_id: str) -> list[IndexVersion]:
    """Those of a store that get the vectors of new documents, the oldest first."""
    query = sa.select(*_FIELDS).where(
        index_versions.c.store_id == store_id, index_versions.c.state.in_(LIVE_INDEXES)
    )
    rows = await tx.execute(query.order_by(index_versions.c.number))
    return [IndexVersion(**row) for row in rows.mappings()]


async def change(tx: Tx, number: int, values: dict[str, Any]) -> None:
    """Change columns of an index version."""
    await tx.execute(sa.update(index_versions).where(index_versions.c.number == number).values(**values))


async def forget(tx: Tx, number: int) -> None:
    """Delete the row of an index version."""
    await tx.execute(sa.delete(index_versions).where(index_versions.c.number == number))
