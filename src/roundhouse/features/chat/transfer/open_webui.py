"""Chats of Open WebUI, from its export of one chat, of all of a user's, or of everybody's.

Source:
    open-webui/open-webui, `backend/open_webui/models/chats.py` and `src/lib/utils` (2024-2026): an array of chats, each
    a row with `chat` inside; `chat.history` has `messages` by id (`parentId`, `childrenIds`) and `currentId`. Chats of
    before 2024 have `chat.messages` only. Messages without a role, or whose parent is not there, are left by answers
    that broke off.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from roundhouse.features.chat.model import MessageState
from roundhouse.features.chat.transfer.making import Said, Told, linear, make, role_of, seconds
from roundhouse.features.chat.transfer.whole import MOST_MESSAGES, Whole, wrong

PROGRAM = "open-webui"

_MOST_SOURCES = 50
_ERROR_CHARS = 2000

# How a model thought, as it is kept inside of its answer.
_THOUGHTS = re.compile(r'<details type="reasoning"[^>]*>.*?</details>\s*', re.DOTALL)


class _History(msgspec.Struct):
    messages: dict[str, msgspec.Raw] = {}
    currentId: str | None = None
    current_id: str | None = None


class _Chat(msgspec.Struct):
    id: str | None = None
    title: str | None = None
    models: Any = None
    system: Any = None
    params: Any = None
    history: _History | None = None
    messages: list[msgspec.Raw] | None = None
    tags: Any = None
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
    meta: Any = None
    folder_id: str | None = None


class _Message(msgspec.Struct):
    role: str | None = None
    id: str | None = None
    parentId: str | None = None
    content: str | list[Any] | None = None
    timestamp: Any = None
    model: str | None = None
    done: bool | None = None
    error: Any = None
    files: Any = None
    sources: Any = None
    citations: Any = None
    usage: Any = None
    info: Any = None


def read(document: bytes, place: str) -> Whole:
    """One chat of an export.

    Raises:
        BadInput: A field is of a wrong type, the tree has a gap or goes in a circle; the text names the place.
    """
    row = _decode(document, _Row, place)
    chat = row.chat if row.chat is not None else _decode(document, _Chat, place)
    # Other programs write files for Open WebUI without ids.
    key = row.id or chat.id or f"sha256:{hashlib.sha256(document).hexdigest()}"
    said, current = _history(chat, place)
    tags = row.meta.get("tags") if isinstance(row.meta, dict) else None
    told = Told(
        program=PROGRAM,
        key=key,
        title=row.title or chat.title or "",
        user_id=row.user_id,
        model=next((one for one in _listed(chat.models) if isinstance(one, str) and one), None),
        system=_system(chat),
        tags=tuple(_tags(tags if tags is not None else chat.tags)),
        pinned=bool(row.pinned),
        archived=bool(row.archived),
        created_at_s=seconds(row.created_at, f"{place}.created_at")
        or seconds(chat.timestamp, f"{place}.chat.timestamp"),
        updated_at_s=seconds(row.updated_at, f"{place}.updated_at"),
        current=current or row.current_message_id,
        metadata={"folder_id": row.folder_id[:200]} if row.folder_id else {},
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
        known = history.messages.keys()
        said = [one if one.parent in known else replace(one, parent=None) for one in said]
        return said, history.currentId or history.current_id or None
    rows = chat.messages or []
    if len(rows) > MOST_MESSAGES:
        raise wrong(f"{place}.chat.messages", f"has more than {MOST_MESSAGES} messages")
    chained = [_said(str(number), raw, f"{place}.chat.messages[{number}]") for number, raw in enumerate(rows)]
    return linear(chained), None


def _said(key: str, raw: msgspec.Raw, place: str) -> Said:
    message = _decode(bytes(raw), _Message | None, place) or _Message()
    if message.role is None:
        return Said(key, message.parentId or None, "system", "", hidden=True)
    kept: dict[str, Any] = {}
    files = [name for one in _listed(message.files)[:100] if (name := _file_name(one))]
    if files:
        kept["files"] = files
    error = message.error.get("content") if isinstance(message.error, dict) else message.error
    if isinstance(error, str) and error:
        kept["error"] = error[:_ERROR_CHARS]
    counted = next((one for one in (message.usage, message.info) if isinstance(one, dict) and one), {})
    return Said(
        key=key,
        parent=message.parentId or None,
        role=role_of(message.role),
        content=_THOUGHTS.sub("", "\n\n".join(_texts(message.content))),
        at_s=seconds(message.timestamp, f"{place}.timestamp"),
        model=message.model,
        state=_state(message),
        prompt_tokens=_count(counted, "prompt_tokens", "prompt_eval_count"),
        completion_tokens=_count(counted, "completion_tokens", "eval_count"),
        citations=list(_citations(_listed(message.sources) or _listed(message.citations))),
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
    """What an answer is from: each page that was found, else the source by its name."""
    found: dict[tuple[str, str], None] = {}
    for one in sources[:_MOST_SOURCES]:
        source = one.get("source") if isinstance(one, dict) else None
        if not isinstance(source, dict):
            continue
        name = _text(source.get("name"))
        pages = [page for page in _listed(one.get("metadata")) if isinstance(page, dict)]
        linked = [page for page in pages if _text(page.get("source")).startswith(("http://", "https://"))]
        for page in linked:
            found[(_text(page.get("title")) or _text(page.get("name")) or name, _text(page["source"]))] = None
        if not linked:
            found[(name, _text(source.get("url")))] = None
    for title, url in list(found)[:_MOST_SOURCES]:
        kept = {name: value for name, value in (("title", title), ("url", url)) if value}
        if kept:
            yield kept


def _text(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _file_name(file: Any) -> str | None:
    inner = file.get("file") if isinstance(file, dict) and isinstance(file.get("file"), dict) else file
    if not isinstance(inner, dict):
        return None
    name = inner.get("name") or inner.get("filename") or file.get("name") or file.get("type")
    return name[:200] if isinstance(name, str) else None


def _tags(tags: Any) -> Iterator[str]:
    for tag in _listed(tags)[:50]:
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            yield name


def _system(chat: _Chat) -> str:
    system = chat.system or (chat.params.get("system") if isinstance(chat.params, dict) else None)
    return system if isinstance(system, str) else ""


def _decode(document: bytes, kind: Any, place: str) -> Any:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(place, f"cannot be read: {str(error)[:300]}") from None
