"""SQL of registrations."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import Conflict, NotFound
from roundhouse.core.types import Caller
from roundhouse.features.tasks.importing.gateway.model import GatewayRoute, Registration
from roundhouse.features.tasks.importing.gateway.rows import gateway_registrations, gateway_routes
from roundhouse.infra.db import Tx, is_unique_violation
from roundhouse.infra.revision import bump

_ROUTE = [gateway_routes.c[name] for name in GatewayRoute.__struct_fields__ if name != "raw"]


async def find(tx: Tx, site_id: str, name: str, *, lock: bool = False) -> Registration | None:
    """A registration of a tenant, None = there is none."""
    c = gateway_registrations.c
    query = sa.select(gateway_registrations).where(c.site_id == site_id, c.name == name)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else Registration(**row)


async def get(tx: Tx, caller: Caller, name: str, *, lock: bool = False) -> Registration:
    """A registration of the caller's tenant; raises NotFound."""
    found = await find(tx, caller.site_id, name, lock=lock)
    if found is None:
        raise NotFound(f"Nothing is registered as {name!r}.", param="name")
    return found


async def page(tx: Tx, caller: Caller, after: str | None, limit: int) -> list[Registration]:
    """Registrations of the caller's tenant, by name.

    Args:
        tx: Any transaction.
        caller: Who asks.
        after: Only names behind this one.
        limit: Most rows.
    """
    c = gateway_registrations.c
    query = sa.select(gateway_registrations).where(c.site_id == caller.site_id).order_by(c.name).limit(limit)
    if after:
        query = query.where(c.name > after)
    return [Registration(**row) for row in (await tx.execute(query)).mappings()]


async def described(tx: Tx, site_id: str | None = None) -> list[Registration]:
    """Registrations with schemas from the module's own document, by id; None = of every tenant."""
    c = gateway_registrations.c
    told = sa.select(gateway_routes.c.registration_id).where(gateway_routes.c.described == "openapi")
    query = sa.select(gateway_registrations).where(c.id.in_(told)).order_by(c.id)
    if site_id is not None:
        query = query.where(c.site_id == site_id)
    return [Registration(**row) for row in (await tx.execute(query)).mappings()]


async def routes_of(tx: Tx, registration_ids: Sequence[str]) -> list[GatewayRoute]:
    """Routes of some registrations, by path."""
    return await _routes(tx, gateway_routes.c.registration_id.in_(registration_ids))


async def every_route(tx: Tx) -> list[GatewayRoute]:
    """Routes of all tenants, to be served."""
    return await _routes(tx)


async def put(tx: Tx, one: Registration, routes: Sequence[GatewayRoute], *, new: bool) -> None:
    """Write a registration with all its routes; raises Conflict for a path that another one of its tenant has."""
    values = msgspec.structs.asdict(one)
    c = gateway_registrations.c
    if new:
        await tx.execute(sa.insert(gateway_registrations).values(**values))
    else:
        await tx.execute(sa.update(gateway_registrations).where(c.id == one.id).values(**values))
    await tx.execute(sa.delete(gateway_routes).where(gateway_routes.c.registration_id == one.id))
    try:
        for route in routes:
            fields = msgspec.structs.asdict(route)
            del fields["raw"]
            await tx.execute(sa.insert(gateway_routes).values(**fields))
    except sa.exc.IntegrityError as error:
        if is_unique_violation(error):
            raise Conflict(
                f"{route.method} {route.gateway_path} is served for another registration already.",
                param="gateway_path",
            ) from None
        raise
    await bump(tx)


async def delete(tx: Tx, one: Registration) -> None:
    """Forget a registration and its routes."""
    await tx.execute(sa.delete(gateway_routes).where(gateway_routes.c.registration_id == one.id))
    await tx.execute(sa.delete(gateway_registrations).where(gateway_registrations.c.id == one.id))
    await bump(tx)


async def _routes(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[GatewayRoute]:
    c = gateway_registrations.c
    query = (
        sa.select(*_ROUTE, c.raw)
        .join(gateway_registrations, c.id == gateway_routes.c.registration_id)
        .where(*conditions)
        .order_by(gateway_routes.c.gateway_path, gateway_routes.c.method)
    )
    return [GatewayRoute(**row) for row in (await tx.execute(query)).mappings()]
