"""Events as readers ask for them."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import Event, events


async def page(
    tx: Tx, site_id: str, types: Collection[str], *, after_seq: int, limit: int, most_looked_at: int
) -> tuple[list[Event], int | None]:
    """The oldest events of these types of a tenant, in order.

    Args:
        tx: For reading.
        site_id: Tenant.
        types: Types.
        after_seq: Not this one any more.
        limit: Most events.
        most_looked_at: Events of the tenant that are looked at.

    Returns:
        They, and the number up to which was looked; None = to the end. So who asks for what is rare costs no more than
        others.
    """
    of_site = (events.c.site_id == site_id, events.c.seq > after_seq)
    numbers = sa.select(events.c.seq).where(*of_site).order_by(events.c.seq)
    looked = numbers.limit(most_looked_at).subquery()
    count, last = (await tx.execute(sa.select(sa.func.count(), sa.func.max(looked.c.seq)))).one()
    if not count:
        return [], None
    wanted = sa.select(events).where(*of_site, events.c.seq <= last, events.c.type.in_(types))
    found = [Event(*row) for row in await tx.execute(wanted.order_by(events.c.seq).limit(limit))]
    return found, last if count == most_looked_at else None


async def since(tx: Tx, site_id: str, types: Collection[str], at_s: float, limit: int) -> list[Event]:
    """The oldest events of these types of a tenant from a Unix time on, in order, at most so many."""
    query = sa.select(events).where(
        events.c.site_id == site_id, events.c.at_s >= at_s, events.c.type.in_(types)
    )
    return [Event(*row) for row in await tx.execute(query.order_by(events.c.seq).limit(limit))]


async def get(tx: Tx, site_id: str, seq: int, types: Collection[str]) -> Event | None:
    """One event of a tenant, of one of these types."""
    query = sa.select(events).where(
        events.c.seq == seq, events.c.site_id == site_id, events.c.type.in_(types)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else Event(*row)


async def is_kept(tx: Tx, event_id: str, seq: int) -> bool:
    """Whether an event is still there."""
    query = sa.select(events.c.seq).where(events.c.seq == seq, events.c.id == event_id)
    return (await tx.execute(query)).first() is not None
