"""Rows of webhooks, and of the single things that they are told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.errors import NotFound
from roundhouse.features.webhooks.model import Topic, Webhook
from roundhouse.features.webhooks.store.tables import topics, webhooks
from roundhouse.infra.db import Tx, insert_if_new


async def insert(tx: Tx, webhook: Webhook) -> None:
    """Add a webhook."""
    await tx.execute(sa.insert(webhooks).values(**msgspec.structs.asdict(webhook)))


async def get(tx: Tx, site_id: str, webhook_id: str, *, lock: bool = False) -> Webhook:
    """One webhook of a tenant; raises NotFound."""
    query = sa.select(webhooks).where(webhooks.c.site_id == site_id, webhooks.c.id == webhook_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"No webhook {webhook_id!r}.")
    return Webhook(**row)


async def page(tx: Tx, site_id: str, after_id: str | None, limit: int) -> list[Webhook]:
    """Webhooks of a tenant, oldest first."""
    query = sa.select(webhooks).where(webhooks.c.site_id == site_id)
    if after_id is not None:
        query = query.where(webhooks.c.id > after_id)
    return [
        Webhook(**row) for row in (await tx.execute(query.order_by(webhooks.c.id).limit(limit))).mappings()
    ]


async def count(tx: Tx, site_id: str) -> int:
    """How many webhooks a tenant has."""
    query = sa.select(sa.func.count()).select_from(webhooks).where(webhooks.c.site_id == site_id)
    return int((await tx.execute(query)).scalar_one())


async def every(tx: Tx) -> list[Webhook]:
    """All that are enabled, of all tenants."""
    query = sa.select(webhooks).where(webhooks.c.enabled.is_(True)).order_by(webhooks.c.id)
    return [Webhook(**row) for row in (await tx.execute(query)).mappings()]


async def some(tx: Tx, ids: Sequence[str], *, lock: bool = False) -> dict[str, Webhook]:
    """Those with these ids that are there, by id."""
    query = sa.select(webhooks).where(webhooks.c.id.in_(ids)).order_by(webhooks.c.id)
    rows = (await tx.execute(query.with_for_update() if lock else query)).mappings()
    return {row["id"]: Webhook(**row) for row in rows}


async def change(tx: Tx, webhook_id: str, changes: Mapping[str, Any]) -> None:
    """Write new values of columns."""
    await tx.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(**changes))


async def delete(tx: Tx, webhook_id: str) -> None:
    """Remove a webhook with its deliveries and topics."""
    await tx.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))


async def of_topics(tx: Tx, site_id: str) -> Webhook | None:
    """The tenant's webhook without an address of its own, None when it was never needed."""
    query = sa.select(webhooks).where(webhooks.c.site_id == site_id, webhooks.c.url.is_(None))
    row = (await tx.execute(query.order_by(webhooks.c.id).limit(1))).mappings().one_or_none()
    return None if row is None else Webhook(**row)


async def follow(tx: Tx, topic: Topic) -> None:
    """Have a webhook told of one thing; it may be so already."""
    await tx.execute(insert_if_new(tx, topics).values(**msgspec.structs.asdict(topic)))


async def followers(tx: Tx, ids: Sequence[str]) -> list[Topic]:
    """Who is told of these things besides what its patterns say."""
    rows = await tx.execute(sa.select(topics).where(topics.c.topic.in_(ids)))
    return [Topic(**row) for row in rows.mappings()]


async def forget_topics(tx: Tx, before_s: float, limit: int) -> int:
    """Remove what was followed before a Unix time, at most so many."""
    place = sa.tuple_(topics.c.topic, topics.c.webhook_id)
    old = sa.select(topics.c.topic, topics.c.webhook_id).where(topics.c.created_at_s < before_s).limit(limit)
    return (await tx.execute(sa.delete(topics).where(place.in_(old)))).rowcount
