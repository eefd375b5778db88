"""SQL of what ends sessions: old ones are archived or deleted, deleted ones are removed for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.features.chat.rows import generations, sessions
from roundhouse.features.chat.store.session import delete_sessions
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

Action = Literal["archive", "delete"]


class Old(msgspec.Struct, frozen=True):
    """Which sessions are old.

    Attributes:
        action: What is to be done with them: those with which it is done already do not count, nor pinned ones.
        before_s: Not changed since this Unix time.
        caller: Only those that it may see; None = those of every tenant.
        user_id: Only of this user; None = of any.
    """

    action: Action
    before_s: float
    caller: Caller | None
    user_id: str | None = None


class Ended(msgspec.Struct, frozen=True):
    """A session with which something was done."""

    id: str
    site_id: str
    user_id: str | None
    message_count: int


_ENDED = [sessions.c[name] for name in Ended.__struct_fields__]


async def count_old(tx: Tx, old: Old) -> tuple[int, int]:
    """How many old sessions there are, and how many messages they have."""
    total = sa.func.coalesce(sa.func.sum(sessions.c.message_count), 0)
    row = (await tx.execute(sa.select(sa.func.count(), total).where(_is_old(old)))).one()
    return int(row[0]), int(row[1])


async def some_old(tx: Tx, old: Old, limit: int) -> list[str]:
    """Ids of old sessions, the oldest first."""
    return list((await tx.execute(_oldest(old, limit))).scalars())


async def end_old(tx: Tx, old: Old, now_s: float, limit: int) -> list[Ended]:
    """Archive or delete the oldest of the old sessions, at most `limit`; which they were."""
    # Those that somebody else holds just now are being changed, so they are not old.
    ids = list((await tx.execute(_oldest(old, limit).with_for_update(skip_locked=True))).scalars())
    if not ids:
        return []
    done = {"archived_at_s" if old.action == "archive" else "deleted_at_s": now_s}
    change = (
        sa.update(sessions)
        .where(sessions.c.id.in_(ids))
        .values(version=sessions.c.version + 1, **done)
        .returning(*_ENDED)
    )
    return [Ended(*row) for row in await tx.execute(change)]


async def remove_deleted(tx: Tx, before_s: float, limit: int) -> list[str]:
    """Remove sessions for good that were deleted before a Unix time, at most `limit`; their ids.

    Those that are still being written to are left for the next time.
    """
    query = (
        sa.select(sessions.c.id)
        .where(sessions.c.deleted_at_s < before_s, ~_written())
        .order_by(sessions.c.deleted_at_s)
        .limit(limit)
    )
    ids = list((await tx.execute(query.with_for_update(skip_locked=True))).scalars())
    if ids:
        await delete_sessions(tx, ids)
    return ids


async def is_written(tx: Tx, session_id: str) -> bool:
    """Whether a generation writes a message of the session."""
    query = sa.select(generations.c.id).where(
        generations.c.session_id == session_id, generations.c.state == "running"
    )
    return (await tx.execute(query.limit(1))).first() is not None


async def request_stops(tx: Tx, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Ask for the end of what is being generated in these sessions; tenant and id of each that was not asked before.

    Whoever runs them hears of it by the events of `telling.tell_stops`.
    """
    running = sa.and_(
        generations.c.session_id.in_(ids),
        generations.c.state == "running",
        sa.not_(generations.c.stop_requested),
    )
    change = sa.update(generations).where(running).values(stop_requested=True)
    asked = await tx.execute(change.returning(generations.c.site_id, generations.c.id))
    return [(site_id, generation_id) for site_id, generation_id in asked]


def _oldest(old: Old, limit: int) -> sa.Select[Any]:
    order = (sessions.c.updated_at_s, sessions.c.id)
    return sa.select(sessions.c.id).where(_is_old(old)).order_by(*order).limit(limit)


def _is_old(old: Old) -> sa.ColumnElement[bool]:
    found = [
        sessions.c.updated_at_s < old.before_s,
        sessions.c.deleted_at_s.is_(None),
        sessions.c.pinned.is_(False),
    ]
    if old.action == "archive":
        found.append(sessions.c.archived_at_s.is_(None))
    if old.caller is not None:
        found.append(visible(sessions, old.caller))
    if old.user_id is not None:
        found.append(sessions.c.user_id == old.user_id)
    return sa.and_(*found)


def _written() -> sa.ColumnElement[bool]:
    running = sa.select(generations.c.id).where(
        generations.c.session_id == sessions.c.id, generations.c.state == "running"
    )
    return running.exists()
