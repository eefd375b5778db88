"""What goes with a message: its text, the events that told it, the summaries that repeat it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from roundhouse.features.chat.model import Message
from roundhouse.features.chat.rows import KEPT, generations, messages, sessions
from roundhouse.features.chat.store.tree import branches_through, change_message
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import delete_of


async def erase_message(tx: Tx, message: Message, now_s: float) -> Message:
    """Drop what a message says, in the events of its generations as well, and keep its place.

    Args:
        tx: A transaction that holds the session's lock.
        message: One that is not being generated.
        now_s: Unix time.
    """
    await delete_of(tx, await made_by(tx, message))
    erased = await change_message(
        tx,
        message.id,
        now_s,
        content="",
        attachments=[],
        citations=[],
        metadata={},
        error=None,
        pinned=False,
        deleted_at_s=now_s,
    )
    await tx.execute(
        sa.update(sessions)
        .where(sessions.c.id == message.session_id)
        .values(
            message_count=sessions.c.message_count - 1, version=sessions.c.version + 1, updated_at_s=now_s
        )
    )
    return erased


async def erase_summaries(tx: Tx, message: Message, now_s: float) -> list[Message]:
    """Drop the summaries that may repeat a message: those behind it in any conversation that goes through it.

    They are made anew when they are due.

    Args:
        tx: A transaction that holds the session's lock.
        message: One whose words were dropped or changed.
        now_s: Unix time.

    Returns:
        The summaries as they are now.
    """
    through = await branches_through(tx, message)
    query = sa.select(*(messages.c[name] for name in Message.__struct_fields__)).where(
        messages.c.session_id == message.session_id,
        messages.c.depth > message.depth,
        messages.c.deleted_at_s.is_(None),
        KEPT,
        messages.c.kind == "summary",
    )
    # All of the session, for the index of what is kept knows no branches.
    found = [Message(*row) for row in await tx.execute(query.order_by(messages.c.depth))]
    return [await erase_message(tx, one, now_s) for one in found if one.branch in through]


async def made_by(tx: Tx, message: Message) -> Sequence[str]:
    """Ids of the generations that wrote a message."""
    query = sa.select(generations.c.id).where(generations.c.message_id == message.id)
    return (await tx.execute(query)).scalars().all()
