"""Events as readers ask for them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import Event, events


async def page(
    tx: Tx,
    site_id: str,
    types: Collection[str],
    *,
    after_seq: int = 0,
    since_s: float | None = None,
    limit: int,
) -> list[Event]:
    """The oldest events of these types of a tenant, in order.

    Args:
        tx: For reading.
        site_id: Tenant.
        types: Types.
        after_seq: Not this one any more.
        since_s: None that happened before this Unix time.
        limit: Most events.
    """
    query = sa.select(events).where(
        events.c.site_id == site_id, events.c.seq > after_seq, events.c.type.in_(types)
    )
    if since_s is not None:
        query = query.where(events.c.at_s >= since_s)
    return [Event(*row) for row in await tx.execute(query.order_by(events.c.seq).limit(limit))]


async def get(tx: Tx, site_id: str, seq: int, types: Collection[str]) -> Event | None:
    """One event of a tenant, of one of these types."""
    query = sa.select(events).where(
        events.c.seq == seq, events.c.site_id == site_id, events.c.type.in_(types)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Event(*row)
