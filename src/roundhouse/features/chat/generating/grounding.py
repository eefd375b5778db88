"""Answers from documents: what was found is in the message, and told, before the model says its first word."""

from __future__ import annotations

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating.ending import Sources, write_sources
from roundhouse.features.chat.generating.model import GROUNDED, Begun
from roundhouse.features.chat.generating.ports import Desk, Grounding, Knowledge
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import NewEvent, append


async def ground(desk: Desk, knowledge: Knowledge, caller: Caller, begun: Begun) -> Grounding:
    """Search for a question, and keep what was found: an answer that is cut off has what its marks point to.

    Args:
        desk: The surroundings of generations.
        knowledge: Searches.
        caller: Who asked.
        begun: The generation.

    Raises:
        RoundhouseError: What the search raises.
        StorageUnavailable: What was found cannot be written.
    """
    generation, message = begun.generation, begun.message
    earlier = message.citations if begun.prefix else []
    grounding = await knowledge.prepare(
        caller, begun.store_ids, begun.messages, generation.model, earlier, begun.request_id
    )
    found = sources(grounding, None)

    async def write(tx: Tx) -> None:
        now_s = desk.clock.now_s()
        try:
            current = await chats.get_message(tx, caller, message.id, lock=True)
            await write_sources(tx, current, found, now_s)
        except NotFound:
            # It was deleted meanwhile; the end of the generation says so.
            return
        data = {"message_id": message.id, "citations": found.citations, **found.knowledge}
        await append(tx, NewEvent(generation.site_id, generation.id, GROUNDED, data, now_s))

    await desk.db.whole(write)
    return grounding


def sources(grounding: Grounding, text: str | None) -> Sources:
    """What an answer rests on; `text` None = it has not begun: what it can cite."""
    knowledge = {"found": grounding.found, "warnings": list(grounding.warnings)}
    if text is None:
        return Sources(grounding.citations, knowledge)
    unsupported = grounding.unsupported(text)
    return Sources(
        grounding.cited(text), {**knowledge, "unsupported": unsupported} if unsupported else knowledge
    )
