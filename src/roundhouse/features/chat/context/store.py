"""SQL of what a context needs besides the last messages of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from roundhouse.core.types import Caller
from roundhouse.features.chat.model import Message, Session
from roundhouse.features.chat.rows import KEPT, branches, memories, messages
from roundhouse.features.chat.store import memory_is_on
from roundhouse.infra.db import Tx
from roundhouse.infra.tenancy import visible

MOST_KEPT = 100
MOST_MEMORIES = 200

_FIELDS = [messages.c[name] for name in Message.__struct_fields__]


async def kept_messages(
    tx: Tx, caller: Caller, session: Session, branch: int, before_depth: int
) -> list[Message]:
    """Pinned messages and summaries of a conversation that stand before a depth, by depth; the last `MOST_KEPT`.

    Args:
        tx: Any transaction.
        caller: Who asks.
        session: Whose conversation.
        branch: The conversation's last branch.
        before_depth: Only those of less depth.
    """
    chain = await _chain(tx, session.id, branch)
    query = (
        sa.select(*_FIELDS)
        .where(
            messages.c.session_id == session.id,
            visible(messages, caller),
            messages.c.depth < before_depth,
            messages.c.deleted_at_s.is_(None),
            KEPT,
        )
        .order_by(messages.c.depth.desc())
    )
    found = [Message(*row) for row in await tx.execute(query)]
    mine = [one for one in found if one.branch in chain and one.depth < chain[one.branch]]
    return mine[:MOST_KEPT][::-1]


async def unchanged(tx: Tx, session: Session, known: Sequence[Message]) -> bool:
    """Whether messages of a session are still as they were read."""
    query = sa.select(messages.c.id, messages.c.version).where(
        messages.c.session_id == session.id, messages.c.id.in_([one.id for one in known])
    )
    versions = {message_id: version for message_id, version in await tx.execute(query)}
    return versions == {one.id: one.version for one in known}


async def memories_of(tx: Tx, caller: Caller, session: Session) -> Sequence[str]:
    """Long-term memories of the session's user, the newest first; none when they are switched off."""
    user_id = session.user_id
    owner = memories.c.user_id.is_(None) if user_id is None else memories.c.user_id == user_id
    query = sa.select(memories.c.content).where(
        visible(memories, caller), owner, memory_is_on(session.site_id, user_id)
    )
    query = query.order_by(memories.c.updated_at_s.desc(), memories.c.id.desc()).limit(MOST_MEMORIES)
    return (await tx.execute(query)).scalars().all()


async def _chain(tx: Tx, session_id: str, branch: int) -> dict[int, int]:
    """The branches of a conversation, and the depth at which each is left (excluded)."""
    query = sa.select(branches.c.number, branches.c.parent, branches.c.from_depth)
    rows = await tx.execute(query.where(branches.c.session_id == session_id))
    parents = {number: (parent, from_depth) for number, parent, from_depth in rows}
    chain: dict[int, int] = {}
    number: int | None = branch
    high = 1 << 30
    while number is not None and number not in chain:
        chain[number] = high
        parent, from_depth = parents.get(number, (None, 0))
        number, high = parent, min(high, from_depth)
    return chain
