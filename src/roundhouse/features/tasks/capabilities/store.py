"""SQL of capabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, NotFound
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.rows import VERSIONED, capabilities, capability_versions
from roundhouse.features.tasks.model import Capability
from roundhouse.infra.db import Tx, is_unique_violation
from roundhouse.infra.revision import bump, config_revision

_FIELDS = [capabilities.c[name] for name in Capability.__struct_fields__]
_SOME = 500


class Kept(msgspec.Struct, frozen=True):
    """A capability with what of it nobody sees.

    Attributes:
        capability: It.
        change: Rises with every change of its row.
        sealed: Its secret headers, encrypted; None = it has none.
    """

    capability: Capability
    change: int
    sealed: bytes | None = None

    def __repr__(self) -> str:
        """Without what is sealed."""
        return f"Kept({self.capability.name!r}, {self.change})"


class Version(msgspec.Struct, frozen=True):
    """What one version of a capability says; fields as in `Capability`."""

    version: int
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    transport: str
    endpoint: dict[str, Any]
    trusted: bool
    idempotent: bool
    cost_units: float
    digest: str
    created_at_s: float


async def one_at_a_time(tx: Tx) -> None:
    """Queue with all who change capabilities; the first statement of such a transaction, before any row is locked.

    One that changes several of them has told the first change, and so holds what others wait for, when it locks the
    next: those others must not hold that one.
    """
    await tx.execute(sa.select(config_revision.c.revision).with_for_update())


async def changes(tx: Tx) -> dict[str, int]:
    """How often each capability of every tenant was changed, by id."""
    rows = await tx.execute(sa.select(capabilities.c.id, capabilities.c.change))
    return {row.id: row.change for row in rows}


async def sites_of(tx: Tx, origin: str) -> list[str]:
    """Tenants that have capabilities of an origin, in order."""
    columns = capabilities.c
    query = sa.select(columns.site_id).where(columns.origin == origin).distinct().order_by(columns.site_id)
    return list((await tx.execute(query)).scalars())


async def some(tx: Tx, ids: Sequence[str]) -> list[Kept]:
    """Capabilities by id, of whatever tenant; those that are gone are left out."""
    found: list[Kept] = []
    for start in range(0, len(ids), _SOME):
        found += await _all(tx, capabilities.c.id.in_(ids[start : start + _SOME]))
    return found


async def get(tx: Tx, caller: Caller, name: str, *, lock: bool = False) -> Kept:
    """A capability of the caller's own tenant, enabled or not; raises NotFound."""
    found = await find(tx, caller.site_id, name, lock=lock)
    if found is None:
        raise NotFound(f"No capability {name!r} is registered here.", param="name")
    return found


async def find(tx: Tx, site_id: str, name: str, *, lock: bool = False) -> Kept | None:
    """A capability of a tenant, None = it has none of that name."""
    found = await _all(tx, capabilities.c.site_id == site_id, capabilities.c.name == name, lock=lock)
    return found[0] if found else None


async def of_origin(
    tx: Tx, caller: Caller, origin: str, origin_ref: str, *, lock: bool = False
) -> list[Kept]:
    """What of the caller's tenant came from one place, by name."""
    return await _all(
        tx,
        capabilities.c.site_id == caller.site_id,
        capabilities.c.origin == origin,
        capabilities.c.origin_ref == origin_ref,
        lock=lock,
    )


async def imported(tx: Tx, origin: str) -> list[Kept]:
    """What of every tenant came from a kind of place, for the check of whether it has changed."""
    return await _all(tx, capabilities.c.origin == origin)


async def insert(tx: Tx, kept: Kept) -> None:
    """Enter a capability with its first version; raises Conflict when its tenant has one of that name."""
    one = kept.capability
    try:
        await tx.execute(
            sa.insert(capabilities).values(**_values(one), change=kept.change, headers_encrypted=kept.sealed)
        )
    except sa.exc.IntegrityError as error:
        if is_unique_violation(error):
            raise Conflict(f"There is a capability {one.name!r} already.", param="name") from None
        raise
    await _insert_version(tx, one)
    await bump(tx)


async def update(tx: Tx, before: Kept, after: Kept) -> None:
    """Write a capability anew, and its version where that is another one; `before` was read with a lock."""
    one = after.capability
    values = {
        name: value for name, value in _values(one).items() if name not in ("id", "site_id", "created_at_s")
    }
    await tx.execute(
        sa.update(capabilities)
        .where(capabilities.c.id == one.id)
        .values(**values, change=capabilities.c.change + 1, headers_encrypted=after.sealed)
    )
    if one.version != before.capability.version:
        await _insert_version(tx, one)
    await bump(tx)


async def delete(tx: Tx, capability_id: str) -> None:
    """Forget a capability and all its versions."""
    await tx.execute(
        sa.delete(capability_versions).where(capability_versions.c.capability_id == capability_id)
    )
    await tx.execute(sa.delete(capabilities).where(capabilities.c.id == capability_id))
    await bump(tx)


async def versions(tx: Tx, capability_id: str, before: int | None, limit: int) -> list[Version]:
    """Versions of a capability, the newest first.

    Args:
        tx: Any transaction.
        capability_id: Whose.
        before: Only older ones than this; None = from the newest.
        limit: Most rows.
    """
    c = capability_versions.c
    query = sa.select(*(c[name] for name in Version.__struct_fields__)).where(
        c.capability_id == capability_id
    )
    if before is not None:
        query = query.where(c.version < before)
    rows = (await tx.execute(query.order_by(c.version.desc()).limit(limit))).mappings()
    return [Version(**row) for row in rows]


async def version(tx: Tx, capability_id: str, number: int) -> Version | None:
    """One version, None = it has no such one."""
    found = await versions(tx, capability_id, number + 1, 1)
    return found[0] if found and found[0].version == number else None


async def _all(tx: Tx, *conditions: sa.ColumnElement[bool], lock: bool = False) -> list[Kept]:
    query = sa.select(capabilities.c.change, capabilities.c.headers_encrypted, *_FIELDS)
    query = query.where(*conditions).order_by(capabilities.c.name)
    rows = (await tx.execute(query.with_for_update() if lock else query)).mappings()
    return [_kept(row) for row in rows]


async def _insert_version(tx: Tx, one: Capability) -> None:
    values = {name: getattr(one, name) for name in VERSIONED}
    await tx.execute(
        sa.insert(capability_versions).values(
            capability_id=one.id,
            version=one.version,
            site_id=one.site_id,
            created_at_s=one.updated_at_s,
            **values,
        )
    )


def _values(one: Capability) -> dict[str, Any]:
    values = msgspec.structs.asdict(one)
    return values | {"tags": list(one.tags), "examples": msgspec.to_builtins(one.examples)}


def _kept(row: Any) -> Kept:
    fields = {name: row[name] for name in Capability.__struct_fields__}
    return Kept(msgspec.convert(fields, Capability), row["change"], row["headers_encrypted"])
