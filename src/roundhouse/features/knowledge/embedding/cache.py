"""The SQL of kept vectors. They belong to no tenant: their key is the hash of what was embedded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from roundhouse.features.knowledge.stores.rows import embeddings
from roundhouse.infra.db import Tx, insert_if_new

PROBE = "probe"
"""Stands for the hash of the text that a model is known by; its vector is never cleaned up."""

# SQLite takes so many parameters in one statement, PostgreSQL more.
_AT_ONCE = 500


async def find(tx: Tx, model: str, keys: Sequence[str]) -> dict[str, tuple[bytes, float]]:
    """Vectors by hash, and when each was used."""
    found: dict[str, tuple[bytes, float]] = {}
    for some in _pieces(keys):
        rows = await tx.execute(
            sa.select(embeddings.c.sha256, embeddings.c.data, embeddings.c.used_at_s).where(
                embeddings.c.model == model, embeddings.c.sha256.in_(some)
            )
        )
        found |= {row.sha256: (row.data, row.used_at_s) for row in rows}
    return found


async def keep(tx: Tx, model: str, vectors: Mapping[str, bytes], now_s: float) -> None:
    """Write vectors by hash; those that are there stay as they are."""
    # In one order everywhere: two who write the same vectors must not wait for each other.
    rows = [
        {"model": model, "sha256": key, "data": vectors[key], "used_at_s": now_s} for key in sorted(vectors)
    ]
    if rows:
        await tx.execute(insert_if_new(tx, embeddings), rows)


async def touch(tx: Tx, model: str, keys: Sequence[str], now_s: float) -> None:
    """Note that vectors were used; but for those of which somebody else is noting it just now."""
    table = embeddings.c
    for some in _pieces(keys):
        free = (
            sa.select(table.sha256)
            .where(table.model == model, table.sha256.in_(some))
            .with_for_update(skip_locked=True)
        )
        await tx.execute(
            sa.update(embeddings)
            .where(table.model == model, table.sha256.in_(free.scalar_subquery()))
            .values(used_at_s=now_s)
        )


async def forget(tx: Tx, model: str) -> None:
    """Drop all vectors of a model, and what it is known by."""
    await tx.execute(sa.delete(embeddings).where(embeddings.c.model == model))


async def forget_old(tx: Tx, before_s: float, limit: int) -> int:
    """Drop vectors that were not used since then, the oldest first; how many that were, at most `limit`."""
    table = embeddings.c
    rows = await tx.execute(
        sa.select(table.model, table.sha256)
        .where(table.used_at_s < before_s, table.sha256 != PROBE)
        .order_by(table.used_at_s)
        .limit(limit)
    )
    keys: dict[str, list[str]] = {}
    for model, key in rows:
        keys.setdefault(model, []).append(key)
    for model, of_model in keys.items():
        for some in _pieces(of_model):
            await tx.execute(sa.delete(embeddings).where(table.model == model, table.sha256.in_(some)))
    return sum(map(len, keys.values()))


def _pieces(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
