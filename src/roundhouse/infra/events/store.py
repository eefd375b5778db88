"""The event table and its SQL.

`seq` is the order of commits on both databases: SQLite has one writer at a time; writers of PostgreSQL hold an
advisory lock from their first event to their commit, so no reader ever sees a number before a smaller one. So append
last: lock the rows you change before, never after.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.ids import new_ids
from roundhouse.infra.db import Tx, metadata

CHANNEL = "roundhouse_events"
"""PostgreSQL: where a commit with events is notified."""

LAST_NUMBER_SQLITE = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
LAST_NUMBER_POSTGRES = "SELECT pg_sequence_last_value(pg_get_serial_sequence('events', 'seq')::regclass)"
_TOPICS = 500
_LOCK = 0x6576656E74  # "event": any number, as long as every version uses the same

events = sa.Table(
    "events",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("id", sa.String(40), nullable=False),
    sa.Column("site_id", sa.String(200), nullable=False),
    sa.Column("topic", sa.String(100), nullable=False),
    sa.Column("type", sa.String(100), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("at_s", sa.Double, nullable=False),
    sa.Index("ix_events_topic_seq", "topic", "seq"),
    sa.Index("ix_events_site_id_seq", "site_id", "seq"),
    sa.Index("ix_events_at_s", "at_s"),
    # Without it SQLite would give the number of a deleted newest row to the next one.
    sqlite_autoincrement=True,
)

# Written without SQLAlchemy's compiler: one statement for all of a commit, and the rows as the drivers take them.
_INTO_SQLITE = "INSERT INTO events (id, site_id, topic, type, data, at_s) VALUES {} RETURNING seq"
# Numbers are given while the lock is held: rows come only behind it.
_INTO_POSTGRES = (
    f"WITH lock AS MATERIALIZED (SELECT pg_advisory_xact_lock({_LOCK}), pg_notify('{CHANNEL}', ''))"  # noqa: S608 - our own
    " INSERT INTO events (id, site_id, topic, type, data, at_s) SELECT told.* FROM lock CROSS JOIN LATERAL"
    " unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::json[], %s::float8[]) AS told RETURNING seq"
)
_MOST_ROWS = 500


class Event(msgspec.Struct, frozen=True, dict=True):
    """One thing that happened.

    Attributes:
        seq: Its place in the order of commits; the id of its server-sent event.
        id: `evt_…`.
        site_id: Tenant.
        topic: What it happened to: the id of the thing, e.g. `job_…`.
        type: `<noun>.<what>`, e.g. `job.completed`.
        data: JSON object for users; never a secret.
        at_s: Unix time.
    """

    seq: int
    id: str
    site_id: str
    topic: str
    type: str
    data: dict[str, Any]
    at_s: float

    def told(self) -> dict[str, Any]:
        """As users see it: `id`, `type`, `topic`, `at` (RFC 3339), `data`."""
        at = datetime.fromtimestamp(self.at_s, UTC)
        return {"id": self.id, "type": self.type, "topic": self.topic, "at": at, "data": self.data}

    @property
    def frame(self) -> bytes:
        """As a server-sent event; made once, however many read it."""
        # Not `functools.cached_property`, which takes a lock: most frames are read once.
        made: bytes | None = self.__dict__.get("made")
        if made is None:
            told = msgspec.json.encode(self.told())
            made = b"id: %d\nevent: %b\ndata: %b\n\n" % (self.seq, self.type.encode(), told)
            self.__dict__["made"] = made
        return made


class NewEvent(msgspec.Struct, frozen=True):
    """An event that is to be written; fields as in `Event`."""

    site_id: str
    topic: str
    type: str
    data: dict[str, Any]
    at_s: float


async def append(tx: Tx, *told: NewEvent) -> list[Event]:
    """Write events in the transaction of the change they tell; the last statement of that transaction.

    Returns:
        They as they stand in the table, in the order given; numbered in that order, too.
    """
    if not told:
        return []
    written: list[Event] = []
    for start in range(0, len(told), _MOST_ROWS):
        written += await _insert(tx, told[start : start + _MOST_ROWS])
    return written


async def _insert(tx: Tx, told: Sequence[NewEvent]) -> list[Event]:
    rows = [
        (
            event_id,
            one.site_id,
            one.topic,
            one.type,
            msgspec.json.encode(one.data).decode(),
            one.at_s,
        )
        for event_id, one in zip(new_ids("evt", len(told)), told, strict=True)
    ]
    if tx.dialect.name == "postgresql":
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        numbers = (await tx.exec_driver_sql(_INTO_POSTGRES, columns)).scalars()
    else:
        places = ",".join(["(?,?,?,?,?,?)"] * len(rows))
        values = tuple(value for row in rows for value in row)
        numbers = (await tx.exec_driver_sql(_INTO_SQLITE.format(places), values)).scalars()
    return [
        Event(seq, row[0], one.site_id, one.topic, one.type, one.data, one.at_s)
        for seq, row, one in zip(sorted(numbers), rows, told, strict=True)
    ]


async def page(tx: Tx, site_id: str, topic: str | None, after_seq: int, limit: int) -> list[Event]:
    """The oldest events after `after_seq`, in order.

    Args:
        tx: For reading.
        site_id: Tenant.
        topic: Of this thing; None = of the whole tenant.
        after_seq: Not this one any more; 0 = from the first.
        limit: Most events; fewer in the answer = there are no more.
    """
    wanted = sa.select(events).where(_of(site_id, topic), events.c.seq > after_seq)
    rows = await tx.execute(wanted.order_by(events.c.seq).limit(limit))
    return [Event(*row) for row in rows]


async def newest_of(tx: Tx, site_id: str, topic: str | None) -> Event | None:
    """The last event of a thing, or of a whole tenant (None)."""
    wanted = sa.select(events).where(_of(site_id, topic)).order_by(events.c.seq.desc()).limit(1)
    row = (await tx.execute(wanted)).one_or_none()
    return None if row is None else Event(*row)


async def newest_seq(tx: Tx) -> int:
    """The number of the last event of all; 0 = there is none (any more)."""
    return int((await tx.execute(sa.select(sa.func.max(events.c.seq)))).scalar_one() or 0)


async def last_number(tx: Tx) -> int:
    """The last number that was given to an event, also to one that is deleted, or not committed yet."""
    if tx.dialect.name == "postgresql":
        return int((await tx.execute(sa.text(LAST_NUMBER_POSTGRES))).scalar_one() or 0)
    return int((await tx.execute(sa.text(LAST_NUMBER_SQLITE))).scalar_one_or_none() or 0)


async def delete_before(tx: Tx, at_s: float, limit: int) -> int:
    """Delete the oldest of the events from before a Unix time, at most `limit`; returns how many it were."""
    oldest = sa.select(events.c.seq).where(events.c.at_s < at_s).order_by(events.c.at_s).limit(limit)
    return (await tx.execute(sa.delete(events).where(events.c.seq.in_(oldest)))).rowcount


async def delete_of(tx: Tx, topics: Sequence[str]) -> None:
    """Delete all events of things, for those whose data may not be kept any longer."""
    for start in range(0, len(topics), _TOPICS):
        some = topics[start : start + _TOPICS]
        await tx.execute(sa.delete(events).where(events.c.topic.in_(some)))


async def delete_kind(tx: Tx, topics: Sequence[str], kind: str) -> None:
    """Delete the events of one type of things, for what they tell is not so any more."""
    for start in range(0, len(topics), _TOPICS):
        some = events.c.topic.in_(topics[start : start + _TOPICS])
        await tx.execute(sa.delete(events).where(some, events.c.type == kind))


async def retell(tx: Tx, topics: Sequence[str], kinds: Collection[str], data: dict[str, Any]) -> None:
    """Have the events of these types of things hold other data, in their old places."""
    for start in range(0, len(topics), _TOPICS):
        some = events.c.topic.in_(topics[start : start + _TOPICS])
        await tx.execute(sa.update(events).where(some, events.c.type.in_(kinds)).values(data=data))


def _of(site_id: str, topic: str | None) -> sa.ColumnElement[bool]:
    tenant = events.c.site_id == site_id
    return tenant if topic is None else sa.and_(tenant, events.c.topic == topic)
