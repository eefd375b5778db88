"""Files of messages as parts of what a model is given."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from roundhouse.core.errors import NotFound, TooLarge
from roundhouse.core.ports import Files
from roundhouse.core.types import Caller, FileInfo

MOST_BYTES = 20 * 1024 * 1024
"""Of all pictures of one request together."""

MOST_TEXT_BYTES = 100_000
"""Of one text file; what is behind them is left out, and the model is told."""

_TEXTS = ("text/", "application/json", "application/xml")


async def attach(
    files: Files, caller: Caller, messages: Sequence[dict[str, Any]], attachments: Sequence[tuple[str, ...]]
) -> list[dict[str, Any]]:
    """Messages in OpenAI's form with their files: pictures as they are, texts as text, others by name.

    Args:
        files: Where they are.
        caller: Who asks; what it cannot see any more is left out.
        messages: With text only.
        attachments: Ids of the files of each, by place.

    Raises:
        TooLarge: All pictures together are larger than `MOST_BYTES`.
        StorageUnavailable: A file cannot be read.
    """
    room_bytes = MOST_BYTES
    given: list[dict[str, Any]] = []
    for message, ids in zip(messages, attachments, strict=True):
        parts: list[dict[str, Any]] = []
        for file_id in ids:
            try:
                info = await files.get(caller, file_id)
                if info.content_type.startswith("image/"):
                    room_bytes -= info.size_bytes
                    if room_bytes < 0:
                        raise TooLarge(f"The pictures of a conversation have at most {MOST_BYTES} bytes.")
                parts.append(await _part(files, caller, info))
            except NotFound:
                continue
        given.append(
            {**message, "content": [{"type": "text", "text": message["content"]}, *parts]}
            if parts
            else message
        )
    return given


async def _part(files: Files, caller: Caller, info: FileInfo) -> dict[str, Any]:
    if info.content_type.startswith("image/"):
        content = await _content(files, caller, info, info.size_bytes)
        url = f"data:{info.content_type};base64,{base64.b64encode(content).decode()}"
        return {"type": "image_url", "image_url": {"url": url}}
    told = f"File {info.filename} ({info.content_type}, {info.size_bytes} bytes)"
    if info.content_type.startswith(_TEXTS):
        content = await _content(files, caller, info, MOST_TEXT_BYTES)
        cut = ", its beginning" if info.size_bytes > MOST_TEXT_BYTES else ""
        return {"type": "text", "text": f"{told}{cut}:\n{content.decode('utf-8', 'replace')}"}
    return {"type": "text", "text": f"{told} is attached."}


async def _content(files: Files, caller: Caller, info: FileInfo, limit_bytes: int) -> bytes:
    pieces = await files.read(caller, info.id, 0, min(limit_bytes, info.size_bytes))
    return b"".join([piece async for piece in pieces])
