"""Our own form of a session: JSON that loses nothing but the ids of the tenant and the app.

One document per session: `{"format": "roundhouse.session", "version": 1, "exported_at_s": …, "session": {…},
"branches": […], "messages": […]}`. Times are Unix seconds as they are kept, messages stand in the order in which they
were written. It is written in pieces, so a session of any length takes little memory.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from roundhouse.core.errors import BadInput
from roundhouse.features.chat.model import Message, MessageKind, MessageState, Role, Session
from roundhouse.features.chat.transfer.whole import Branch, Whole, check, wrong

FORMAT: Literal["roundhouse.session"] = "roundhouse.session"
VERSION = 1
MEMORIES_FORMAT: Literal["roundhouse.memories"] = "roundhouse.memories"

_MEMORY_CHARS = 4000
_LATEST_S = 1e11
_SESSION_LEFT_OUT = ("site_id", "app_id")
_MESSAGE_LEFT_OUT = ("seq", "site_id", "user_id", "app_id", "session_id")


class _Session(msgspec.Struct):
    id: str
    user_id: str | None
    outside_id: str | None
    title: str
    title_from: Literal["nobody", "user", "auto"]
    model: str | None
    system: str
    context: dict[str, Any]
    uses_memory: bool
    metadata: dict[str, Any]
    pinned: bool
    archived_at_s: float | None
    deleted_at_s: float | None
    version: int
    branch: int
    branches: int
    message_count: int
    created_at_s: float
    updated_at_s: float
    last_message_at_s: float | None
    vector_store_ids: list[str] | None = None
    tags: tuple[str, ...] = ()


class _Message(msgspec.Struct):
    id: str
    branch: int
    depth: int
    parent_id: str | None
    role: Role
    kind: MessageKind
    state: MessageState
    content: str
    attachments: list[str]
    citations: list[dict[str, Any]]
    model: str | None
    finish_reason: str | None
    error: dict[str, Any] | None
    prompt_tokens: int | None
    completion_tokens: int | None
    first_token_ms: float | None
    total_ms: float | None
    cost_usd: float | None
    pinned: bool
    metadata: dict[str, Any]
    version: int
    created_at_s: float
    updated_at_s: float
    deleted_at_s: float | None


class _Document(msgspec.Struct):
    format: Literal["roundhouse.session"]
    version: int
    session: _Session
    branches: list[Branch]
    messages: list[_Message]


class KeptMemory(msgspec.Struct):
    """A long-term memory on its way in or out."""

    content: str
    user_id: str | None
    created_at_s: float
    updated_at_s: float


class _Memories(msgspec.Struct):
    format: Literal["roundhouse.memories"]
    version: int
    memories: list[KeptMemory]


_documents = msgspec.json.Decoder(_Document)
_memories = msgspec.json.Decoder(_Memories)


def head(session: Session, branches: tuple[Branch, ...], exported_at_s: float) -> bytes:
    """The beginning of a document, before its first message."""
    fields = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at_s": exported_at_s,
        "session": _fields(session, _SESSION_LEFT_OUT),
        "branches": branches,
    }
    return msgspec.json.encode(fields)[:-1] + b',"messages":['


def message(row: Message, *, first: bool) -> bytes:
    """One message of a document."""
    return (b"\n" if first else b",\n") + msgspec.json.encode(_fields(row, _MESSAGE_LEFT_OUT))


def tail() -> bytes:
    """The end of a document."""
    return b"]}\n"


def write(whole: Whole, exported_at_s: float) -> bytes:
    """A document at once."""
    pieces = [head(whole.session, whole.branches, exported_at_s)]
    pieces += [message(one, first=number == 0) for number, one in enumerate(whole.messages)]
    return b"".join([*pieces, tail()])


def read(document: bytes, place: str) -> Whole:
    """The session of a document; its tenant is empty, `seq` counts its messages.

    Raises:
        BadInput: It is not one of ours, of a later version, or does not fit together; the text names the place.
    """
    found: _Document = _decoded(_documents, document, place)
    if found.version > VERSION:
        raise wrong(f"{place}.version", f"is {found.version}; this server reads up to {VERSION}")
    session = Session(site_id="", app_id=None, **msgspec.structs.asdict(found.session))
    messages = [
        Message(
            seq=number + 1,
            site_id="",
            user_id=session.user_id,
            app_id=None,
            session_id=session.id,
            **msgspec.structs.asdict(one),
        )
        for number, one in enumerate(found.messages)
    ]
    whole = Whole(session, tuple(found.branches), tuple(messages))
    check(whole, place)
    return whole


def write_memories(memories: list[KeptMemory]) -> bytes:
    """Long-term memories as a document of their own."""
    return msgspec.json.encode(_Memories(MEMORIES_FORMAT, VERSION, memories))


def read_memories(document: bytes, place: str) -> list[KeptMemory]:
    """Long-term memories of a document; raises BadInput."""
    found: _Memories = _decoded(_memories, document, place)
    if found.version > VERSION:
        raise wrong(f"{place}.version", f"is {found.version}; this server reads up to {VERSION}")
    for number, memory in enumerate(found.memories):
        here = f"{place}.memories[{number}]"
        if not 0 < len(memory.content) <= _MEMORY_CHARS or "\x00" in memory.content:
            raise wrong(f"{here}.content", f"is no text of 1 to {_MEMORY_CHARS} characters")
        if not 0 <= memory.created_at_s <= memory.updated_at_s <= _LATEST_S:
            raise wrong(f"{here}.created_at_s", "is out of range")
        if memory.user_id is not None and not (
            0 < len(memory.user_id) <= 200 and memory.user_id.isprintable()
        ):
            raise wrong(f"{here}.user_id", "is no name of a user")
    return found.memories


def _decoded(decoder: msgspec.json.Decoder[Any], document: bytes, place: str) -> Any:
    try:
        return decoder.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(place, error) from None


def _unreadable(place: str, error: Exception) -> BadInput:
    told = "nested too deep" if isinstance(error, RecursionError) else str(error)
    return wrong(place, f"cannot be read: {told[:300]}")


def _fields(row: msgspec.Struct, left_out: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in left_out}
