"""SQL of flows and their versions."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.tasks.flows.rows import flow_versions, flows
from roundhouse.infra.db import Tx

_SELECT = sa.select(
    flows.c.id,
    flows.c.name,
    flows.c.version.label("newest"),
    flow_versions.c.version,
    flow_versions.c.spec,
    flow_versions.c.created_at_s,
    flows.c.deleted_at_s,
).join_from(flows, flow_versions, flow_versions.c.flow_id == flows.c.id)
_NEWEST = flow_versions.c.version == flows.c.version


class KeptFlow(msgspec.Struct, frozen=True):
    """One version of a flow as it is kept.

    Attributes:
        id: `flow_…`.
        name: Unique in its tenant.
        newest: Its newest version.
        version: This one.
        spec: The flow's JSON.
        created_at_s: When this version was written, Unix time.
        deleted_at_s: When the flow was deleted, None = it is there.
    """

    id: str
    name: str
    newest: int
    version: int
    spec: dict[str, Any]
    created_at_s: float
    deleted_at_s: float | None


async def find(tx: Tx, caller: Caller, name: str, version: int | None = None) -> KeptFlow | None:
    """A version of a flow, the newest by default; None when there is none, or the flow is deleted."""
    wanted = _NEWEST if version is None else flow_versions.c.version == version
    query = _SELECT.where(
        flows.c.site_id == caller.site_id, flows.c.name == name, flows.c.deleted_at_s.is_(None), wanted
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else KeptFlow(**row)


async def of_task(tx: Tx, site_id: str, flow_id: str, version: int) -> KeptFlow:
    """The version that a task runs by, also of a flow that is deleted by now; raises NotFound."""
    query = _SELECT.where(
        flows.c.site_id == site_id, flows.c.id == flow_id, flow_versions.c.version == version
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("No such version of the flow.")
    return KeptFlow(**row)


async def locked(tx: Tx, caller: Caller, name: str) -> KeptFlow | None:
    """The newest version of a flow, deleted ones too, kept from others until the transaction ends."""
    query = _SELECT.where(flows.c.site_id == caller.site_id, flows.c.name == name, _NEWEST)
    row = (await tx.execute(query.with_for_update(of=flows))).mappings().one_or_none()
    return None if row is None else KeptFlow(**row)


async def page(tx: Tx, caller: Caller, *, behind: str | None, limit: int) -> list[KeptFlow]:
    """Flows in their newest versions, by name."""
    query = _SELECT.where(flows.c.site_id == caller.site_id, flows.c.deleted_at_s.is_(None), _NEWEST)
    if behind is not None:
        query = query.where(flows.c.name > behind)
    rows = await tx.execute(query.order_by(flows.c.name).limit(limit))
    return [KeptFlow(**row) for row in rows.mappings()]


async def versions(tx: Tx, caller: Caller, flow_id: str, *, before: int | None, limit: int) -> list[KeptFlow]:
    """Versions of a flow, the newest first."""
    query = _SELECT.where(flows.c.site_id == caller.site_id, flows.c.id == flow_id)
    if before is not None:
        query = query.where(flow_versions.c.version < before)
    rows = await tx.execute(query.order_by(flow_versions.c.version.desc()).limit(limit))
    return [KeptFlow(**row) for row in rows.mappings()]


async def insert(tx: Tx, caller: Caller, new: KeptFlow) -> None:
    """Enter a flow in its first version.

    Raises:
        IntegrityError: The tenant has one of this name.
    """
    row = {
        "id": new.id,
        "site_id": caller.site_id,
        "name": new.name,
        "version": new.version,
        "created_at_s": new.created_at_s,
        "updated_at_s": new.created_at_s,
    }
    await tx.execute(sa.insert(flows).values(**row))
    await _insert_version(tx, caller, new)


async def add_version(tx: Tx, caller: Caller, new: KeptFlow) -> None:
    """Enter a further version of a flow that is held by a lock; one that was deleted is there again."""
    await _insert_version(tx, caller, new)
    changed = {"version": new.version, "updated_at_s": new.created_at_s, "deleted_at_s": None}
    await tx.execute(sa.update(flows).where(flows.c.id == new.id).values(**changed))


async def delete(tx: Tx, flow_id: str, now_s: float) -> None:
    """Have a flow be gone; its versions stay for the tasks that run by them."""
    await tx.execute(
        sa.update(flows).where(flows.c.id == flow_id).values(deleted_at_s=now_s, updated_at_s=now_s)
    )


async def _insert_version(tx: Tx, caller: Caller, new: KeptFlow) -> None:
    row = {
        "flow_id": new.id,
        "version": new.version,
        "site_id": caller.site_id,
        "spec": new.spec,
        "key_id": caller.key_id,
        "created_at_s": new.created_at_s,
    }
    await tx.execute(sa.insert(flow_versions).values(**row))
