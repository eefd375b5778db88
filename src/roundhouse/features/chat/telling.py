"""Events of sessions, messages and generations.

Those of the first two hold ids and versions, never what is said, for they are kept after a deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from roundhouse.features.chat.model import Message, Session
from roundhouse.infra.db import Tx
from roundhouse.infra.events import store as events

GROUNDED = "generation.grounded"
DELTA = "generation.delta"
STOP_REQUESTED = "generation.stop_requested"
COMPLETED = "generation.completed"
STOPPED = "generation.stopped"
FAILED = "generation.failed"
INTERRUPTED = "generation.interrupted"

LAST = frozenset({COMPLETED, STOPPED, FAILED, INTERRUPTED})
"""Types of which a generation has exactly one, as its last event."""

SessionVerb = Literal["created", "updated", "deleted", "restored"]
MessageVerb = Literal["created", "updated", "deleted"]


async def tell_session(tx: Tx, session: Session, verb: SessionVerb, at_s: float) -> None:
    """Write the event of a session's change; the last statement of its transaction."""
    data = {"session_id": session.id, "user_id": session.user_id, "version": session.version}
    await events.append(tx, events.NewEvent(session.site_id, session.id, f"session.{verb}", data, at_s))


async def tell_stops(tx: Tx, stopped: Sequence[tuple[str, str]], at_s: float) -> None:
    """Write the events of generations that are to stop, given by tenant and id: who runs them hears of it at once."""
    told = [events.NewEvent(site_id, one_id, STOP_REQUESTED, {}, at_s) for site_id, one_id in stopped]
    await events.append(tx, *told)


async def tell_message(tx: Tx, message: Message, verb: MessageVerb, at_s: float) -> None:
    """Write the event of a message's change under its session; the last statement of its transaction."""
    await events.append(tx, message_event(message, verb, at_s))


def message_event(message: Message, verb: MessageVerb, at_s: float) -> events.NewEvent:
    """The event of a message's change, for who writes it together with others."""
    data = {"message_id": message.id, "session_id": message.session_id, "version": message.version}
    return events.NewEvent(message.site_id, message.session_id, f"message.{verb}", data, at_s)
