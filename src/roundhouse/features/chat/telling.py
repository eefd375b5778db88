"""Events of sessions and messages: ids and versions, never what is said, for events are kept after a deletion."""

from __future__ import annotations

from typing import Literal

from roundhouse.features.chat.model import Message, Session
from roundhouse.infra.db import Tx
from roundhouse.infra.events import store as events

SessionVerb = Literal["created", "updated", "deleted", "restored"]
MessageVerb = Literal["created", "updated", "deleted"]


async def tell_session(tx: Tx, session: Session, verb: SessionVerb, at_s: float) -> None:
    """Write the event of a session's change; the last statement of its transaction."""
    data = {"session_id": session.id, "user_id": session.user_id, "version": session.version}
    await events.append(tx, events.NewEvent(session.site_id, session.id, f"session.{verb}", data, at_s))


async def tell_message(tx: Tx, message: Message, verb: MessageVerb, at_s: float) -> None:
    """Write the event of a message's change under its session; the last statement of its transaction."""
    data = {"message_id": message.id, "session_id": message.session_id, "version": message.version}
    kind = f"message.{verb}"
    await events.append(tx, events.NewEvent(message.site_id, message.session_id, kind, data, at_s))
