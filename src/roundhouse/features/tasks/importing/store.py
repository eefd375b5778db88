"""SQL of imports."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.tasks.importing.model import Drift, Source
from roundhouse.features.tasks.importing.rows import capability_drifts, capability_sources
from roundhouse.features.tasks.model import Origin
from roundhouse.infra.db import Tx

_SOME = 500


async def find_source(tx: Tx, site_id: str, origin: Origin, ref: str) -> Source | None:
    """A source of a tenant, None = there is none."""
    c = capability_sources.c
    found = await _sources(tx, c.site_id == site_id, c.origin == origin, c.ref == ref)
    return found[0] if found else None


async def get_source(tx: Tx, caller: Caller, source_id: str) -> Source:
    """A source of the caller's tenant; raises NotFound."""
    c = capability_sources.c
    found = await _sources(tx, c.site_id == caller.site_id, c.id == source_id)
    if not found:
        raise NotFound("There is no such source.", param="source_id")
    return found[0]


async def list_sources(tx: Tx, caller: Caller, after_id: str | None, limit: int) -> list[Source]:
    """Sources of the caller's tenant, the oldest first.

    Args:
        tx: Any transaction.
        caller: Who asks.
        after_id: Only those behind this one.
        limit: Most rows.
    """
    c = capability_sources.c
    conditions = [c.site_id == caller.site_id] + ([c.id > after_id] if after_id else [])
    return await _sources(tx, *conditions, limit=limit)


async def watched(tx: Tx, site_id: str | None = None) -> list[Source]:
    """Sources that can be looked at again; None = of every tenant."""
    c = capability_sources.c
    return await _sources(tx, c.url != "", *([] if site_id is None else [c.site_id == site_id]))


async def keep_source(tx: Tx, source: Source) -> None:
    """Write a source, or write it anew."""
    values = msgspec.structs.asdict(source) | {"include": list(source.include)}
    c = capability_sources.c
    changed = await tx.execute(
        sa.update(capability_sources)
        .where(c.id == source.id, c.site_id == source.site_id)
        .values(**{name: value for name, value in values.items() if name not in ("id", "created_at_s")})
    )
    if changed.rowcount == 0:
        await tx.execute(sa.insert(capability_sources).values(**values))


async def delete_source(tx: Tx, source: Source) -> None:
    """Forget a source; its capabilities stay."""
    c = capability_sources.c
    await tx.execute(sa.delete(capability_sources).where(c.id == source.id, c.site_id == source.site_id))


async def find_drift(tx: Tx, site_id: str, name: str) -> Drift | None:
    """What is said now of a capability, None = it is not drifted."""
    c = capability_drifts.c
    query = sa.select(capability_drifts).where(c.site_id == site_id, c.name == name)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    fields = {name: row[name] for name in Drift.__struct_fields__}
    return msgspec.convert(fields, Drift)


async def keep_drift(tx: Tx, site_id: str, drift: Drift) -> None:
    """Write what is said now of a capability, in place of what was said before."""
    await forget_drifts(tx, site_id, [drift.name])
    values = {**msgspec.structs.asdict(drift), "proposed": msgspec.to_builtins(drift.proposed)}
    await tx.execute(sa.insert(capability_drifts).values(site_id=site_id, **values))


async def forget_drifts(tx: Tx, site_id: str, names: Collection[str]) -> None:
    """Forget what is said now of capabilities."""
    c, every = capability_drifts.c, sorted(names)
    for start in range(0, len(every), _SOME):
        some = every[start : start + _SOME]
        await tx.execute(sa.delete(capability_drifts).where(c.site_id == site_id, c.name.in_(some)))


async def _sources(tx: Tx, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> list[Source]:
    query = sa.select(capability_sources).where(*conditions).order_by(capability_sources.c.id).limit(limit)
    return [
        Source(**{**row, "include": tuple(row["include"])}) for row in (await tx.execute(query)).mappings()
    ]
