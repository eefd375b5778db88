"""Conversations of ChatGPT, from its own export of all data: `conversations.json`, or the zip in which it comes.

Source:
    OpenAI documents no format. Exports of 2023-2026 as several readers of them describe them (e.g. the notes of
    github.com/mitkury/chatgpt-export-parser): an array of conversations, each with `mapping`, a tree of nodes with
    `parent`, `children` and a `message` or null, and `current_node`. Some have no `children`, or a root whose parent is
    not there; answers from the web have marks of citations in them, which `content_references` explain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from roundhouse.features.chat.model import MessageState
from roundhouse.features.chat.transfer.making import Said, Told, make, role_of, seconds
from roundhouse.features.chat.transfer.whole import MOST_MESSAGES, Whole, wrong

PROGRAM = "chatgpt"

_SILENT = frozenset(
    {"thoughts", "reasoning_recap", "user_editable_context", "model_editable_context", "app_pairing_content"}
)
"""Kinds of content that are not part of what was said."""

_SOUND = frozenset({"audio_asset_pointer", "real_time_user_audio_video_asset_pointer"})
"""Kinds of parts that stand beside their own words."""

# Between these letters of the private use area stand marks that only ChatGPT's own pages can show.
_MARK = re.compile("\ue200[^\ue201]*\ue201")
_MOST_CITATIONS = 50
_MOST_ASSETS = 100

_FINISHED = {"stop": "stop", "max_tokens": "length", "interrupted": "stop"}


class _Author(msgspec.Struct):
    role: str
    name: str | None = None


class _Message(msgspec.Struct):
    author: _Author
    content: dict[str, Any] | None = None
    create_time: Any = None
    status: str | None = None
    metadata: dict[str, Any] | None = None
    recipient: str | None = None


class _Node(msgspec.Struct):
    message: _Message | None = None
    parent: str | None = None


class _Conversation(msgspec.Struct):
    mapping: dict[str, msgspec.Raw]
    title: str | None = None
    create_time: Any = None
    update_time: Any = None
    current_node: str | None = None
    conversation_id: str | None = None
    id: str | None = None
    is_archived: bool | None = None
    is_starred: bool | None = None
    default_model_slug: str | None = None


def read(document: bytes, place: str) -> Whole:
    """One conversation of an export.

    Raises:
        BadInput: A field is of a wrong type, the tree has a gap or goes in a circle; the text names the place.
    """
    found = _decode(document, _Conversation, place)
    key = found.conversation_id or found.id
    if not key:
        raise wrong(f"{place}.id", "is missing")
    if len(found.mapping) > MOST_MESSAGES:
        raise wrong(f"{place}.mapping", f"has more than {MOST_MESSAGES} nodes")
    said = [
        _said(name, raw, found.mapping, f"{place}.mapping[{name[:80]}]")
        for name, raw in found.mapping.items()
    ]
    told = Told(
        program=PROGRAM,
        key=key,
        title=found.title or "",
        model=found.default_model_slug,
        pinned=bool(found.is_starred),
        archived=bool(found.is_archived),
        created_at_s=seconds(found.create_time, f"{place}.create_time"),
        updated_at_s=seconds(found.update_time, f"{place}.update_time"),
        current=found.current_node or None,
    )
    return make(told, said, f"{place}.mapping")


def _said(key: str, raw: msgspec.Raw, known: Mapping[str, msgspec.Raw], place: str) -> Said:
    node = _decode(bytes(raw), _Node, place)
    parent = node.parent if node.parent in known else None
    message = node.message
    if message is None:
        return Said(key, parent, "system", "", hidden=True)
    metadata = message.metadata or {}
    references = _references(metadata)
    content = _unmarked("\n\n".join(_texts(message.content or {})), references)
    kept: dict[str, Any] = {}
    if message.author.name:
        kept["name"] = message.author.name[:200]
    if message.recipient not in (None, "all"):
        kept["recipient"] = str(message.recipient)[:200]
    files = _names(metadata.get("attachments"))
    if files:
        kept["files"] = files
    assets = list(_assets(message.content or {}))
    if assets:
        kept["assets"] = assets
    model = metadata.get("model_slug")
    return Said(
        key=key,
        parent=parent,
        role=role_of(message.author.role),
        content=content,
        at_s=seconds(message.create_time, f"{place}.message.create_time"),
        hidden=metadata.get("is_visually_hidden_from_conversation") is True or not (content.strip() or files),
        model=model if isinstance(model, str) else None,
        finish_reason=_finish_reason(metadata),
        state=_state(message.status, metadata),
        citations=list(_citations(references, metadata)),
        metadata=kept,
    )


def _texts(content: Mapping[str, Any]) -> Iterator[str]:
    """What is said, part by part; what is no text is named in brackets."""
    kind = content.get("content_type")
    if isinstance(kind, str) and kind in _SILENT:
        return
    parts = content.get("parts")
    if isinstance(parts, list):
        heard = any(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts)
        for part in parts:
            if isinstance(part, str):
                yield part
            elif isinstance(part, dict) and not (heard and part.get("content_type") in _SOUND):
                text = part.get("text")
                yield (
                    text if isinstance(text, str) else f"[{str(part.get('content_type', 'attachment'))[:60]}]"
                )
        return
    text = content.get("text") or content.get("result")
    if not isinstance(text, str) or not text:
        return
    if kind == "code":
        language = content.get("language")
        named = language if isinstance(language, str) and language.isalnum() and language != "unknown" else ""
        yield f"```{named}\n{text}\n```"
    elif kind == "execution_output":
        yield f"```\n{text}\n```"
    else:
        yield text


def _assets(content: Mapping[str, Any]) -> Iterator[str]:
    """Under which names pictures and sound of a message lie beside the JSON in the zip."""
    parts = content.get("parts")
    for part in parts[:_MOST_ASSETS] if isinstance(parts, list) else []:
        pointer = part.get("asset_pointer") if isinstance(part, dict) else None
        if isinstance(pointer, str) and pointer:
            yield pointer[:200]


def _references(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = metadata.get("content_references")
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _unmarked(text: str, references: list[dict[str, Any]]) -> str:
    """Marks of citations as the links that they stand for; those that nothing explains are left out."""
    if "\ue200" not in text:
        return text
    links = {str(one.get("matched_text")): one.get("alt") for one in references}

    def link(mark: re.Match[str]) -> str:
        alt = links.get(mark[0])
        return alt if isinstance(alt, str) else ""

    return _MARK.sub(link, text)


def _citations(references: list[dict[str, Any]], metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Pages that an answer is from, each once."""
    told: list[Any] = []
    for one in references:
        for name in ("items", "sources"):
            pages = one.get(name)
            told += pages if isinstance(pages, list) else []
    older = metadata.get("citations")
    told += [one.get("metadata") for one in older if isinstance(one, dict)] if isinstance(older, list) else []
    seen: set[str] = set()
    for page in told:
        url = page.get("url") if isinstance(page, dict) else None
        if not isinstance(url, str) or not url or url in seen or len(seen) >= _MOST_CITATIONS:
            continue
        seen.add(url)
        title = page.get("title")
        yield ({"title": title[:2000]} if isinstance(title, str) and title else {}) | {"url": url[:2000]}


def _names(attachments: Any) -> list[str]:
    """Names of files that were attached; the files themselves are not in the export's JSON."""
    if not isinstance(attachments, list):
        return []
    named = [one.get("name") for one in attachments[:100] if isinstance(one, dict)]
    return [name[:200] for name in named if isinstance(name, str)]


def _finish_reason(metadata: Mapping[str, Any]) -> str | None:
    details = metadata.get("finish_details")
    kind = details.get("type") if isinstance(details, dict) else None
    return _FINISHED.get(kind) if isinstance(kind, str) else None


def _state(status: str | None, metadata: Mapping[str, Any]) -> MessageState:
    details = metadata.get("finish_details")
    if isinstance(details, dict) and details.get("type") == "interrupted":
        return "stopped"
    return "interrupted" if status == "in_progress" else "complete"


def _decode(document: bytes, kind: Any, place: str) -> Any:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(place, f"cannot be read: {str(error)[:300]}") from None
