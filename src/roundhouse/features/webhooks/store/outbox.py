"""The row of the one who delivers, and the events that are to be delivered."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from roundhouse.features.webhooks.store.tables import deliverer, topics
from roundhouse.infra.db import Tx, insert_if_new
from roundhouse.infra.events.store import Event, events
from roundhouse.infra.jobs.executors import executors

_ONE = 1
_MINE = deliverer.c.id == _ONE


class Tally(msgspec.Struct, frozen=True):
    """Tries since the beginning of time.

    Attributes:
        taken: Answered 2xx.
        refused: Everything else.
        given_up: Deliveries that ended as `failed`.
    """

    taken: int = 0
    refused: int = 0
    given_up: int = 0


async def lead(tx: Tx, me: str) -> int | None:
    """Become the one who delivers, unless another executor that lives is.

    Args:
        tx: A write transaction.
        me: Id of this executor.

    Returns:
        The number of the last event whose deliveries are written; None = another one delivers.
    """
    first = {"id": _ONE, "owner": None, "seq": 0, "taken": 0, "refused": 0, "given_up": 0}
    await tx.execute(insert_if_new(tx, deliverer).values(**first))
    living = sa.select(executors.c.id)
    statement = (
        sa.update(deliverer)
        .where(
            _MINE,
            sa.or_(deliverer.c.owner.is_(None), deliverer.c.owner == me, deliverer.c.owner.not_in(living)),
            sa.exists().where(executors.c.id == me),
        )
        .values(owner=me)
        .returning(deliverer.c.seq)
    )
    found = (await tx.execute(statement)).scalar_one_or_none()
    return None if found is None else int(found)


async def is_vacant(tx: Tx, me: str) -> bool:
    """Whether no executor that lives delivers, and this one lives; changes nothing."""
    known = {one for (one,) in await tx.execute(sa.select(executors.c.id))}
    return me in known and await owner(tx) not in known - {me}


async def hold(tx: Tx, me: str) -> bool:
    """Whether this executor is still the one; until the end of the transaction nobody else becomes it."""
    query = sa.select(deliverer.c.id).where(_MINE, deliverer.c.owner == me).with_for_update()
    return (await tx.execute(query)).first() is not None


async def leave(tx: Tx, me: str) -> None:
    """Let another one deliver."""
    await tx.execute(sa.update(deliverer).where(_MINE, deliverer.c.owner == me).values(owner=None))


async def owner(tx: Tx) -> str | None:
    """Id of the executor that delivers, or did so last; None = there is none."""
    found = (await tx.execute(sa.select(deliverer.c.owner).where(_MINE))).scalar_one_or_none()
    return None if found is None else str(found)


async def move(tx: Tx, seq: int) -> None:
    """Write down that the deliveries of all events up to this number are written."""
    await tx.execute(sa.update(deliverer).where(_MINE).values(seq=seq))


async def count(tx: Tx, more: Tally) -> None:
    """Add to the tally."""
    sums = {name: deliverer.c[name] + number for name, number in msgspec.structs.asdict(more).items()}
    await tx.execute(sa.update(deliverer).where(_MINE).values(**sums))


async def tally(tx: Tx) -> Tally:
    """What was tried so far."""
    query = sa.select(deliverer.c.taken, deliverer.c.refused, deliverer.c.given_up).where(_MINE)
    row = (await tx.execute(query)).one_or_none()
    return Tally() if row is None else Tally(*row)


async def events_between(
    tx: Tx, after_seq: int, last_seq: int, types: Collection[str], limit: int
) -> list[Event]:
    """Events of these types, and those of things that are followed, in order."""
    followed = sa.select(topics.c.topic)
    query = (
        sa.select(events)
        .where(
            events.c.seq > after_seq,
            events.c.seq <= last_seq,
            sa.or_(events.c.type.in_(types), events.c.topic.in_(followed)),
        )
        .order_by(events.c.seq)
        .limit(limit)
    )
    return [Event(*row) for row in await tx.execute(query)]
