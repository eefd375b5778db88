"""Chats of Open WebUI, from its export of one chat, of all of a user's, or of everybody's.

Source:
    open-webui/open-webui, `backend/open_webui/models/chats.py` and `src/lib/utils` (2024-2026): an array of chats, each
    a row with `chat` inside; `chat.history` has `messages` by id (`parentId`, `childrenIds`) and `currentId`. Chats of
    before 2024 have `chat.messages` only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from roundhouse.features.chat.model import MessageState
from roundhouse.features.chat.transfer.making import Said, Told, linear, make, role_of, seconds
from roundhouse.features.chat.transfer.whole import MOST_MESSAGES, Whole, wrong

PROGRAM = "open-webui"

_MOST_SOURCES = 50


class _History(msgspec.Struct):
    messages: dict[str, msgspec.Raw] = {}
    currentId: str | None = None
    current_id: str | None = None


class _Chat(msgspec.Struct):
    id: str | None = None
    title: str | None = None
    models: list[str] | None = None
    system: str | None = None
    params: dict[str, Any] | None = None
    history: _History | None = None
    messages: list[msgspec.Raw] | None = None
    tags: list[Any] | None = None
    timestamp: Any = None


class _Row(msgspec.Struct):
    chat: _Chat | None = None
    id: str | None = None
    user_id: str | None = None
    title: str | None = None
    created_at: Any = None
    updated_at: Any = None
    archived: bool | int | None = None
    pinned: bool | int | None = None
    current_message_id: str | None = None
    meta: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    role: str
    id: str | None = None
    parentId: str | None = None
    content: str | list[Any] | None = None
    timestamp: Any = None
    model: str | None = None
    done: bool | None = None
    error: Any = None
    files: list[Any] | None = None
    sources: list[Any] | None = None
    citations: list[Any] | None = None
    usage: dict[str, Any] | None = None
    info: dict[str, Any] | None = None


def read(document: bytes, place: str) -> Whole:
    """One chat of an export.

    Raises:
        BadInput: A field is of a wrong type, the tree has a gap or goes in a circle; the text names the place.
    """
    row = _decode(document, _Row, place)
    chat = row.chat if row.chat is not None else _decode(document, _Chat, place)
    key = row.id or chat.id
    if not key:
        raise wrong(f"{place}.id", "is missing")
    said, current = _history(chat, place)
    tags = row.meta.get("tags") if row.meta is not None else chat.tags
    told = Told(
        program=PROGRAM,
        key=key,
        title=row.title or chat.title or "",
        user_id=row.user_id,
        model=chat.models[0] if chat.models else None,
        system=_system(chat),
        tags=tuple(_tags(tags if tags is not None else chat.tags)),
        pinned=bool(row.pinned),
        archived=bool(row.archived),
        created_at_s=seconds(row.created_at, f"{place}.created_at")
        or seconds(chat.timestamp, f"{place}.chat.timestamp"),
        updated_at_s=seconds(row.updated_at, f"{place}.updated_at"),
        current=current or row.current_message_id,
    )
    return make(told, said, f"{place}.chat.history.messages")


def _history(chat: _Chat, place: str) -> tuple[list[Said], str | None]:
    history = chat.history
    if history is not None and history.messages:
        if len(history.messages) > MOST_MESSAGES:
            raise wrong(f"{place}.chat.history.messages", f"has more than {MOST_MESSAGES} messages")
        said = [
            _said(key, raw, f"{place}.chat.history.messages[{key[:80]}]")
            for key, raw in history.messages.items()
        ]
        return said, history.currentId or history.current_id or None
    rows = chat.messages or []
    if len(rows) > MOST_MESSAGES:
        raise wrong(f"{place}.chat.messages", f"has more than {MOST_MESSAGES} messages")
    chained = [_said(str(number), raw, f"{place}.chat.messages[{number}]") for number, raw in enumerate(rows)]
    return linear(chained), None


def _said(key: str, raw: msgspec.Raw, place: str) -> Said:
    message = _decode(bytes(raw), _Message, place)
    kept: dict[str, Any] = {}
    files = [name for one in (message.files or [])[:100] if (name := _file_name(one))]
    if files:
        kept["files"] = files
    counted = message.usage or message.info or {}
    return Said(
        key=key,
        parent=message.parentId or None,
        role=role_of(message.role),
        content="\n\n".join(_texts(message.content)),
        at_s=seconds(message.timestamp, f"{place}.timestamp"),
        model=message.model,
        state=_state(message),
        prompt_tokens=_count(counted, "prompt_tokens", "prompt_eval_count"),
        completion_tokens=_count(counted, "completion_tokens", "eval_count"),
        citations=list(_citations(message.sources or message.citations or [])),
        metadata=kept,
    )


def _texts(content: str | list[Any] | None) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else []:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text
        elif isinstance(part, dict):
            yield f"[{str(part.get('type', 'attachment'))[:60]}]"


def _state(message: _Message) -> MessageState:
    if message.error:
        return "failed"
    return "interrupted" if message.role == "assistant" and message.done is False else "complete"


def _count(counted: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = counted.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
    return None


def _citations(sources: list[Any]) -> Iterator[dict[str, Any]]:
    for one in sources[:_MOST_SOURCES]:
        source = one.get("source") if isinstance(one, dict) else None
        if not isinstance(source, dict):
            continue
        told = {
            "title": source.get("name"),
            "url": source.get("url"),
        }
        kept = {name: value[:2000] for name, value in told.items() if isinstance(value, str)}
        if kept:
            yield kept


def _file_name(file: Any) -> str | None:
    inner = file.get("file") if isinstance(file, dict) and isinstance(file.get("file"), dict) else file
    if not isinstance(inner, dict):
        return None
    name = inner.get("name") or inner.get("filename") or file.get("name")
    return name[:200] if isinstance(name, str) else None


def _tags(tags: Any) -> Iterator[str]:
    for tag in tags[:50] if isinstance(tags, list) else []:
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            yield name


def _system(chat: _Chat) -> str:
    system = chat.system or (chat.params or {}).get("system")
    return system if isinstance(system, str) else ""


def _decode(document: bytes, kind: Any, place: str) -> Any:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(place, f"cannot be read: {str(error)[:300]}") from None
