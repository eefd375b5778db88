"""Sessions and messages from what other programs tell of theirs: the fields that they do not have are filled in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from roundhouse.features.chat.model import Message, MessageState, Role, Session
from roundhouse.features.chat.titles import title_of
from roundhouse.features.chat.transfer.trees import Node, Placed, grow
from roundhouse.features.chat.transfer.whole import Whole, wrong

_TITLE_CHARS = 500
_MODEL_CHARS = 200
_KEY_CHARS = 200
_TAG_CHARS = 100
_SECONDS_END = 1e11
_MILLISECONDS_END = 1e14
_MICROSECONDS_END = 1e17

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}


class Said(msgspec.Struct, frozen=True):
    """A message of another program.

    Attributes:
        key: Its id there.
        parent: Key of the message that it answers; None = it begins a conversation.
        role: Who says it.
        content: Its text.
        at_s: When, Unix seconds; None = not told.
        hidden: Not shown there: it is passed over, what follows it stays.
        model, finish_reason, state, prompt_tokens, completion_tokens, total_ms, citations, metadata: As in `Message`.
    """

    key: str
    parent: str | None
    role: Role
    content: str
    at_s: float | None = None
    hidden: bool = False
    model: str | None = None
    finish_reason: str | None = None
    state: MessageState = "complete"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_ms: float | None = None
    citations: list[dict[str, Any]] = []
    metadata: dict[str, Any] = {}


class Told(msgspec.Struct, frozen=True):
    """A conversation of another program; fields as in `Session`.

    Attributes:
        program: Its name.
        key: Id of the conversation there.
        current: Key of the last message that is shown; None = the newest.
        outside_id: Under which it is known here; None = made of `program` and `key`.
    """

    program: str
    key: str
    title: str = ""
    user_id: str | None = None
    model: str | None = None
    system: str = ""
    tags: tuple[str, ...] = ()
    pinned: bool = False
    archived: bool = False
    created_at_s: float | None = None
    updated_at_s: float | None = None
    current: str | None = None
    metadata: dict[str, Any] = {}
    outside_id: str | None = None


def make(told: Told, said: Sequence[Said], place: str) -> Whole:
    """A whole session; ids are those of the other program.

    Raises:
        BadInput: The messages are no tree; the text names the place.
    """
    began_s = told.created_at_s or min((one.at_s for one in said if one.at_s), default=0.0)
    tree = grow([Node(one.key, one.parent, one.hidden, one.at_s) for one in said], told.current, place)
    by_key = {one.key: one for one in said}
    at_s = _times(tree.placed, by_key, began_s)
    messages = [
        _message(number, by_key[placed.key], placed, at_s[placed.key], told)
        for number, placed in enumerate(tree.placed)
    ]
    messages.sort(key=lambda one: (one.created_at_s, one.seq))
    last_s = max((one.created_at_s for one in messages), default=None)
    updated_s = max(told.updated_at_s or 0.0, last_s or 0.0, began_s)
    title = " ".join(told.title.split())[:_TITLE_CHARS]
    asked = next((one.content for one in messages if one.role == "user" and one.content.strip()), "")
    session = Session(
        id=told.key,
        site_id="",
        user_id=told.user_id,
        app_id=None,
        outside_id=told.outside_id or outside_id(told.program, told.key),
        title=title or title_of(asked),
        title_from="user" if title else "auto" if asked else "nobody",
        model=_short(told.model, _MODEL_CHARS),
        system=told.system,
        context={},
        uses_memory=True,
        metadata={**told.metadata, "imported_from": told.program, "imported_id": told.key[:_KEY_CHARS]},
        pinned=told.pinned,
        archived_at_s=updated_s if told.archived else None,
        deleted_at_s=None,
        version=1,
        branch=tree.shown,
        branches=len(tree.branches) + 1,
        message_count=len(messages),
        created_at_s=began_s,
        updated_at_s=updated_s,
        last_message_at_s=last_s,
        tags=tuple(sorted({tag.strip()[:_TAG_CHARS] for tag in told.tags if tag.strip()})),
    )
    return Whole(session, tree.branches, tuple(messages))


def linear(said: Sequence[Said]) -> list[Said]:
    """The same messages, each behind the one before."""
    before: str | None = None
    chained = []
    for one in said:
        chained.append(msgspec.structs.replace(one, parent=before))
        before = one.key
    return chained


def outside_id(program: str, key: str) -> str:
    """Under which a conversation is known here, the same whenever it is imported."""
    name = f"{program}:{key}"
    if len(name) <= _KEY_CHARS and name.isprintable():
        return name
    return f"{program}:sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def role_of(name: str) -> Role:
    """Our role for another program's; what we do not know spoke like a tool, to nobody."""
    return _ROLES.get(name.strip().lower(), "tool")


def seconds(value: Any, place: str) -> float | None:
    """Unix seconds of a time as programs write it: a number of s, ms, µs or ns, ISO 8601 (UTC unless it says so).

    Raises:
        BadInput: It is none of these.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, str):
        return _written(value, place)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise wrong(place, "is not a time")
    for end, unit in ((_SECONDS_END, 1), (_MILLISECONDS_END, 1e3), (_MICROSECONDS_END, 1e6), (1e20, 1e9)):
        if value < end:
            return float(value) / unit
    raise wrong(place, "is not a time")


def _written(text: str, place: str) -> float:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise wrong(place, "is not a time") from None
    at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if at_s < 0:
        raise wrong(place, "is not a time")
    return at_s


def _times(placed: Sequence[Placed], by_key: dict[str, Said], began_s: float) -> dict[str, float]:
    """When each message was said: never before the one that it follows."""
    at_s: dict[str, float] = {}
    for one in placed:
        before_s = at_s[one.parent] if one.parent is not None else began_s
        told_s = by_key[one.key].at_s
        at_s[one.key] = before_s if told_s is None else max(told_s, before_s)
    return at_s


def _message(number: int, said: Said, placed: Placed, at_s: float, told: Told) -> Message:
    return Message(
        seq=number + 1,
        id=said.key,
        site_id="",
        user_id=told.user_id,
        app_id=None,
        session_id=told.key,
        branch=placed.branch,
        depth=placed.depth,
        parent_id=placed.parent,
        role=said.role,
        kind="message",
        state=said.state,
        content=said.content,
        attachments=[],
        citations=said.citations,
        model=_short(said.model, _MODEL_CHARS),
        finish_reason=said.finish_reason,
        error=None,
        prompt_tokens=said.prompt_tokens,
        completion_tokens=said.completion_tokens,
        first_token_ms=None,
        total_ms=said.total_ms,
        cost_usd=None,
        pinned=False,
        metadata=said.metadata,
        version=1,
        created_at_s=at_s,
        updated_at_s=at_s,
        deleted_at_s=None,
    )


def _short(text: str | None, most: int) -> str | None:
    return text[:most] if text else None
