"""SQL of whole sessions: all branches of one, page by page, and many rows in at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.features.chat.model import Memory, Message, Session
from roundhouse.features.chat.rows import branches, memories, messages, session_tags, sessions
from roundhouse.features.chat.store import SessionFilter
from roundhouse.features.chat.transfer.whole import Branch
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

_MESSAGE_FIELDS = [messages.c[name] for name in Message.__struct_fields__]
_MEMORY_FIELDS = [memories.c[name] for name in Memory.__struct_fields__]
_INSERT_MESSAGES = sa.insert(messages)
_INSERT_BRANCHES = sa.insert(branches)


async def session_ids(
    tx: Tx, caller: Caller, wanted: SessionFilter, after_id: str, limit: int
) -> Sequence[str]:
    """Ids of sessions by id, which no change of a session moves: an export meets each once.

    Args:
        tx: Any transaction.
        caller: Who asks.
        wanted: Which.
        after_id: Only those behind this id.
        limit: Most ids.
    """
    query = sa.select(sessions.c.id).where(*_conditions(caller, wanted), sessions.c.id > after_id)
    return (await tx.execute(query.order_by(sessions.c.id).limit(limit))).scalars().all()


async def session_branches(tx: Tx, session: Session) -> tuple[Branch, ...]:
    """All branches of a session but the first, by number."""
    query = sa.select(branches.c.number, branches.c.parent, branches.c.from_depth)
    query = query.where(branches.c.session_id == session.id).order_by(branches.c.number)
    return tuple(Branch(*row) for row in await tx.execute(query))


async def last_seq(tx: Tx, session: Session) -> int:
    """Number of the newest message of a session, 0 = it has none."""
    query = sa.select(sa.func.max(messages.c.seq)).where(messages.c.session_id == session.id)
    return int((await tx.execute(query)).scalar_one() or 0)


async def session_messages(
    tx: Tx, session: Session, after_seq: int, until_seq: int, limit: int
) -> list[Message]:
    """Messages of all branches, deleted ones included, in the order in which they were written.

    Args:
        tx: Any transaction.
        session: Whose; one that the caller may see.
        after_seq: Only those behind this number.
        until_seq: Not those behind this number.
        limit: Most messages.
    """
    query = sa.select(*_MESSAGE_FIELDS).where(
        messages.c.session_id == session.id,
        messages.c.site_id == session.site_id,
        messages.c.seq > after_seq,
        messages.c.seq <= until_seq,
    )
    return [Message(*row) for row in await tx.execute(query.order_by(messages.c.seq).limit(limit))]


async def known_ids(tx: Tx, caller: Caller, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are sessions of the caller's, not deleted."""
    query = sa.select(sessions.c.id).where(
        sessions.c.id.in_(ids), visible(sessions, caller), sessions.c.deleted_at_s.is_(None)
    )
    return set((await tx.execute(query)).scalars())


async def insert_branches(tx: Tx, session: Session, rows: Sequence[Branch]) -> None:
    """Enter branches of a session."""
    if rows:
        values = [{"session_id": session.id, **msgspec.structs.asdict(one)} for one in rows]
        await tx.execute(_INSERT_BRANCHES, values)


async def insert_messages(tx: Tx, rows: Sequence[Message]) -> None:
    """Enter messages in their order; their `seq` is given by the database."""
    if rows:
        await tx.execute(_INSERT_MESSAGES, [_values(one) for one in rows])


async def reveal_session(tx: Tx, session: Session) -> None:
    """Make a session that was entered as deleted what it is to be."""
    change = sa.update(sessions).where(sessions.c.id == session.id)
    await tx.execute(change.values(deleted_at_s=session.deleted_at_s, metadata=session.metadata))


async def delete_hidden(tx: Tx, caller: Caller, session_id: str) -> None:
    """Delete a session of the caller's that was never revealed."""
    await tx.execute(sa.delete(sessions).where(sessions.c.id == session_id, visible(sessions, caller)))


async def memories_after(tx: Tx, caller: Caller, after_id: str, limit: int) -> list[Memory]:
    """Memories that the caller may see, by id."""
    query = sa.select(*_MEMORY_FIELDS).where(visible(memories, caller), memories.c.id > after_id)
    return [Memory(*row) for row in await tx.execute(query.order_by(memories.c.id).limit(limit))]


async def has_memory(tx: Tx, caller: Caller, user_id: str | None, content: str) -> bool:
    """Whether the same is remembered of a user already."""
    owner = memories.c.user_id.is_(None) if user_id is None else memories.c.user_id == user_id
    query = sa.select(memories.c.id).where(visible(memories, caller), owner, memories.c.content == content)
    return (await tx.execute(query.limit(1))).first() is not None


def _values(message: Message) -> dict[str, Any]:
    row = msgspec.structs.asdict(message)
    del row["seq"]
    return row


def _conditions(caller: Caller, wanted: SessionFilter) -> list[sa.ColumnElement[bool]]:
    table = sessions.c
    gone, archived = table.deleted_at_s, table.archived_at_s
    found = [visible(sessions, caller), gone.is_not(None) if wanted.deleted else gone.is_(None)]
    if wanted.archived is not None:
        found.append(archived.is_not(None) if wanted.archived else archived.is_(None))
    if wanted.pinned is not None:
        found.append(table.pinned.is_(wanted.pinned))
    if wanted.tag is not None:
        tagged = sa.select(session_tags.c.session_id).where(
            session_tags.c.site_id == caller.site_id, session_tags.c.tag == wanted.tag
        )
        found.append(table.id.in_(tagged))
    for column, value in ((table.model, wanted.model), (table.user_id, wanted.user_id)):
        if value is not None:
            found.append(column == value)
    for at, after_s, before_s in (
        (table.created_at_s, wanted.created_after_s, wanted.created_before_s),
        (table.updated_at_s, wanted.updated_after_s, wanted.updated_before_s),
    ):
        if after_s is not None:
            found.append(at >= after_s)
        if before_s is not None:
            found.append(at < before_s)
    return found
