"""What others are told of a file: its wire shape, and the audit row and event of its making and its end."""

from __future__ import annotations

from typing import Any, Literal

from roundhouse.core.types import Caller, FileInfo
from roundhouse.features.knowledge.files.schemas import FileRead
from roundhouse.infra import audit
from roundhouse.infra.db import Tx
from roundhouse.infra.events import store as events


def shown(info: FileInfo) -> FileRead:
    """A file as the API shows it."""
    return FileRead.model_construct(
        id=info.id,
        bytes=info.size_bytes,
        created_at=int(info.created_at_s),
        expires_at=None if info.expires_at_s is None else int(info.expires_at_s),
        filename=info.filename,
        purpose=info.purpose,
        content_type=info.content_type,
        sha256=info.sha256,
    )


async def tell(
    tx: Tx, caller: Caller, verb: Literal["create", "delete"], info: FileInfo, at_s: float
) -> None:
    """Write the audit row and the event of a change; the last statements of its transaction."""
    detail: dict[str, Any] = {
        "filename": info.filename,
        "bytes": info.size_bytes,
        "purpose": info.purpose,
        "sha256": info.sha256,
    }
    await audit.append(
        tx, caller, action=f"file.{verb}", object_id=info.id, detail=detail, at_s=at_s, site_id=info.site_id
    )
    event = events.NewEvent(info.site_id, info.id, f"file.{verb}d", shown(info).model_dump(), at_s)
    await events.append(tx, event)
