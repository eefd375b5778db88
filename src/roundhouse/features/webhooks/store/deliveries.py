"""Rows of deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.features.webhooks.model import TEST, Delivery, DeliveryState
from roundhouse.features.webhooks.store.tables import deliveries
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.events.store import Event, events

_ROWS = 200


class NewDelivery(msgspec.Struct, frozen=True):
    """A delivery that is to be written; fields as in `Delivery`."""

    id: str
    site_id: str
    webhook_id: str
    event_id: str
    event_seq: int
    event_type: str
    topic: str
    url: str | None


async def add(tx: Tx, new: Sequence[NewDelivery], now_s: float) -> int:
    """Write deliveries that are due at once; of those that are there already nothing changes. How many are new."""
    added = 0
    for start in range(0, len(new), _ROWS):
        rows = [
            {
                **msgspec.structs.asdict(one),
                "state": "pending",
                "attempts": 0,
                "tries": [],
                "next_at_s": now_s,
                "created_at_s": now_s,
            }
            for one in new[start : start + _ROWS]
        ]
        statement = insert_if_new(tx, deliveries).values(rows).returning(deliveries.c.seq)
        added += len((await tx.execute(statement)).all())
    return added


async def begin_anew(tx: Tx, webhook_id: str, event_ids: Sequence[str], now_s: float, *, all_of: bool) -> int:
    """Have deliveries that are over begin once more, at once; those that were taken only with `all_of`."""
    over = ["failed", "gone", "delivered"] if all_of else ["failed", "gone"]
    begun = 0
    for start in range(0, len(event_ids), _ROWS):
        statement = (
            sa.update(deliveries)
            .where(
                deliveries.c.webhook_id == webhook_id,
                deliveries.c.event_id.in_(event_ids[start : start + _ROWS]),
                deliveries.c.state.in_(over),
            )
            .values(state="pending", attempts=0, next_at_s=now_s, ended_at_s=None)
        )
        begun += (await tx.execute(statement)).rowcount
    return begun


async def due(
    tx: Tx, now_s: float, but: Collection[str], but_webhooks: Collection[str], limit: int
) -> list[tuple[Delivery, Event | None]]:
    """Deliveries whose time has come, the oldest first, each with its event where that is still there.

    Args:
        tx: For reading.
        now_s: Unix time.
        but: Ids of deliveries that are on their way.
        but_webhooks: Ids of webhooks that have enough on their way.
        limit: Most of them.
    """
    query = (
        sa.select(*deliveries.c, *(column.label(f"event__{column.name}") for column in events.c))
        .outerjoin(events, events.c.seq == deliveries.c.event_seq)
        .where(deliveries.c.next_at_s <= now_s)
    )
    if but:
        query = query.where(deliveries.c.id.not_in(but))
    if but_webhooks:
        query = query.where(deliveries.c.webhook_id.not_in(but_webhooks))
    rows = await tx.execute(query.order_by(deliveries.c.next_at_s, deliveries.c.seq).limit(limit))
    return [(_delivery(row), _event(row)) for row in rows.mappings()]


async def next_due_s(tx: Tx, after_s: float) -> float | None:
    """Unix time at which the next delivery is due after a time; None = none is."""
    query = sa.select(sa.func.min(deliveries.c.next_at_s)).where(deliveries.c.next_at_s > after_s)
    found = (await tx.execute(query)).scalar_one()
    return None if found is None else float(found)


async def park(tx: Tx, webhook_id: str) -> None:
    """Have what waits for a webhook that is off wait for nothing but `unpark`; tries by hand excepted."""
    waiting = (deliveries.c.webhook_id == webhook_id, deliveries.c.state == "pending")
    statement = sa.update(deliveries).where(*waiting, deliveries.c.event_type != TEST)
    await tx.execute(statement.values(next_at_s=None))


async def unpark(tx: Tx, webhook_id: str, now_s: float) -> None:
    """Have what waits for a webhook be due at once."""
    waiting = (deliveries.c.webhook_id == webhook_id, deliveries.c.state == "pending")
    await tx.execute(sa.update(deliveries).where(*waiting).values(next_at_s=now_s))


async def change(tx: Tx, seq: int, changes: Mapping[str, Any]) -> None:
    """Write new values of columns."""
    await tx.execute(sa.update(deliveries).where(deliveries.c.seq == seq).values(**changes))


async def get(tx: Tx, webhook_id: str, event_id: str) -> Delivery | None:
    """The delivery of one event to one webhook."""
    query = sa.select(deliveries).where(
        deliveries.c.webhook_id == webhook_id, deliveries.c.event_id == event_id
    )
    row = (await tx.execute(query)).mappings().one_or_none()
    return None if row is None else _delivery(row)


async def by_id(tx: Tx, webhook_id: str, delivery_id: str, *, lock: bool = False) -> Delivery | None:
    """One delivery to a webhook."""
    query = sa.select(deliveries).where(deliveries.c.webhook_id == webhook_id, deliveries.c.id == delivery_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else _delivery(row)


async def page(
    tx: Tx,
    webhook_id: str,
    *,
    state: DeliveryState | None,
    event_type: str | None,
    topic: str | None,
    before_seq: int | None,
    limit: int,
) -> list[Delivery]:
    """Deliveries to a webhook, the newest first."""
    query = sa.select(deliveries).where(deliveries.c.webhook_id == webhook_id)
    wanted = {deliveries.c.state: state, deliveries.c.event_type: event_type, deliveries.c.topic: topic}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    if before_seq is not None:
        query = query.where(deliveries.c.seq < before_seq)
    rows = await tx.execute(query.order_by(deliveries.c.seq.desc()).limit(limit))
    return [_delivery(row) for row in rows.mappings()]


async def counts(tx: Tx, webhook_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many deliveries to these webhooks wait, or were given up, by webhook and state."""
    query = (
        sa.select(deliveries.c.webhook_id, deliveries.c.state, sa.func.count())
        .where(deliveries.c.webhook_id.in_(webhook_ids), deliveries.c.state.in_(("pending", "failed")))
        .group_by(deliveries.c.webhook_id, deliveries.c.state)
    )
    return {(webhook, state): number for webhook, state, number in await tx.execute(query)}


async def backlog(tx: Tx) -> int:
    """How many deliveries wait for a try, of all tenants."""
    query = sa.select(sa.func.count()).where(deliveries.c.next_at_s.is_not(None))
    return int((await tx.execute(query)).scalar_one())


async def delete_before(tx: Tx, at_s: float, limit: int) -> int:
    """Delete the oldest deliveries that were made before a Unix time, at most so many; how many it were."""
    oldest = (
        sa.select(deliveries.c.seq)
        .where(deliveries.c.created_at_s < at_s)
        .order_by(deliveries.c.created_at_s)
        .limit(limit)
    )
    return (await tx.execute(sa.delete(deliveries).where(deliveries.c.seq.in_(oldest)))).rowcount


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__struct_fields__})


def _event(row: Mapping[Any, Any]) -> Event | None:
    if row["event__seq"] is None or row["event__id"] != row["event_id"]:
        return None
    return Event(**{name: row[f"event__{name}"] for name in Event.__struct_fields__})
