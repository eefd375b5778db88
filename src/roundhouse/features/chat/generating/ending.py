"""How a generation ends: in ONE transaction its message, its row, what was still to be told, and its last event."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from roundhouse.core.errors import Conflict, NotFound
from roundhouse.core.types import Caller
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating import store
from roundhouse.features.chat.generating.model import COMPLETED, FAILED, INTERRUPTED, STOPPED
from roundhouse.features.chat.indexing import ChatIndex
from roundhouse.features.chat.model import Generation, GenerationState, Message, MessageState, Session
from roundhouse.features.chat.shapes import read_message
from roundhouse.features.chat.telling import message_event
from roundhouse.infra.db import Tx
from roundhouse.infra.events.store import NewEvent, append

Number = TypeVar("Number", int, float)

_EVENTS: dict[GenerationState, str] = {
    "completed": COMPLETED,
    "stopped": STOPPED,
    "failed": FAILED,
    "interrupted": INTERRUPTED,
}
_STATES: dict[GenerationState, MessageState] = {
    "completed": "complete",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
}


class Numbers(msgspec.Struct, frozen=True):
    """What one generation took; None = not known. Those of a message add up over all that wrote it.

    Attributes:
        model: `provider/model` that answered.
        prompt_tokens: Tokens of what the model was given.
        completion_tokens: Tokens that it said.
        first_token_ms: From the beginning to the first text.
        total_ms: From the beginning to the end.
        cost_usd: By the price table.
    """

    model: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token_ms: float | None = None
    total_ms: float | None = None
    cost_usd: float | None = None


class Sources(msgspec.Struct, frozen=True):
    """What an answer rests on.

    Attributes:
        citations: Of its marks.
        knowledge: For the member `knowledge` of the message's metadata.
    """

    citations: list[dict[str, Any]]
    knowledge: dict[str, Any]


class Ending(msgspec.Struct, frozen=True):
    """How and with what a generation ended.

    Attributes:
        generation: It.
        state: How.
        before: The message as it stood when the generation began.
        text: What the generation wrote, behind what was there before.
        finish_reason: Why the model stopped, or was stopped.
        error: OpenAI's error object, when it failed.
        numbers: What it took.
        decision: Why which model answered, for the member `decision` of the message's metadata; None = as it stands.
        title: Title for the session, unless it has got one.
        sources: What the answer cites; None = as it stands in the message.
    """

    generation: Generation
    state: GenerationState
    before: Message
    text: str
    finish_reason: str
    error: dict[str, Any] | None = None
    numbers: Numbers = Numbers()
    decision: dict[str, Any] | None = None
    title: str | None = None
    sources: Sources | None = None


async def write_end(
    tx: Tx, ending: Ending, owner: str, rest: NewEvent | None, index: ChatIndex, now_s: float
) -> None:
    """Write the end; the last statements of the transaction.

    Args:
        tx: A write transaction.
        ending: What.
        owner: The process that has the generation.
        rest: The last piece, if it was not committed before.
        index: Told of the message.
        now_s: Unix time.

    Raises:
        Conflict: It has ended, or another process has it: nothing may be written.
    """
    generation = ending.generation
    session = await _session(tx, ending, index, now_s)
    message = await _write_message(tx, ending, now_s)
    if not await store.end(tx, generation.id, owner, ending.state, ending.error, now_s):
        raise Conflict("This generation has ended.")
    if session is not None and session.deleted_at_s is None and message is not None:
        await index.message(tx, message, session)
    gone = {"id": ending.before.id, "deleted": True}
    data = gone if message is None else read_message(message).model_dump(mode="json")
    last = NewEvent(generation.site_id, generation.id, _EVENTS[ending.state], data, now_s)
    told = [last] if rest is None else [rest, last]
    if message is not None:
        told.append(message_event(message, "updated", now_s))
    await append(tx, *told)


async def _session(tx: Tx, ending: Ending, index: ChatIndex, now_s: float) -> Session | None:
    """The session, with its title where it had none yet; None = it is gone for good."""
    generation = ending.generation
    whose = Caller("", generation.site_id, generation.user_id, generation.app_id)
    wanted = ending.title is not None and ending.state == "completed"
    try:
        session = await chats.get_session(tx, whose, generation.session_id, lock=wanted, deleted=True)
    except NotFound:
        return None
    if not wanted or session.title_from != "nobody" or session.deleted_at_s is not None:
        return session
    session = await chats.change_session(tx, session, now_s, title=ending.title, title_from="auto")
    await index.session(tx, session)
    return session


async def _write_message(tx: Tx, ending: Ending, now_s: float) -> Message | None:
    """The message with its text; None = it was deleted meanwhile, and stays so."""
    before, numbers = ending.before, ending.numbers
    first = numbers.first_token_ms
    said = {
        "content": before.content + ending.text,
        "state": _STATES[ending.state],
        "finish_reason": ending.finish_reason,
        "error": ending.error,
        "model": numbers.model or before.model,
        "prompt_tokens": _sum(before.prompt_tokens, numbers.prompt_tokens),
        "completion_tokens": _sum(before.completion_tokens, numbers.completion_tokens),
        "first_token_ms": first if before.first_token_ms is None else before.first_token_ms,
        "total_ms": _sum(before.total_ms, numbers.total_ms),
        "cost_usd": _sum(before.cost_usd, numbers.cost_usd),
        "metadata": {**before.metadata, **({} if ending.decision is None else {"decision": ending.decision})},
    }
    message = await chats.finish_message(tx, before.id, now_s, said)
    if message is None or ending.sources is None:
        return message
    return await write_sources(tx, message, ending.sources, now_s)


async def write_sources(tx: Tx, message: Message, sources: Sources, now_s: float) -> Message:
    """Write what a message cites; raises NotFound where it is not there any more."""
    metadata = {**message.metadata, "knowledge": sources.knowledge}
    return await chats.change_message(tx, message.id, now_s, citations=sources.citations, metadata=metadata)


def _sum(before: Number | None, more: Number | None) -> Number | None:
    return more if before is None else before if more is None else before + more
