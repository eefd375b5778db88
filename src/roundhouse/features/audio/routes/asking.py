"""What the routes of recordings are asked with: who may, ids, pages, keys of repeated requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path, Query

from roundhouse.core.types import Caller
from roundhouse.infra.auth import require

Reader = Annotated[Caller, Depends(require("audio:read"))]
Writer = Annotated[Caller, Depends(require("audio:write"))]
Asker = Annotated[Caller, Depends(require("audio:write", "inference"))]

_ID = r"^[A-Za-z0-9_]+$"
RecordingId = Annotated[str, Path(max_length=40, pattern=_ID)]
TaskId = Annotated[str, Path(max_length=40, pattern=_ID)]
TemplateId = Annotated[str, Path(max_length=64, pattern=_ID, description="Id or name.")]
SegmentNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor`: the page behind the one that told it.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows in one page.")]
SegmentLimit = Annotated[int, Query(ge=1, le=1000, description="Most segments in one page.")]
OfUser = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$", description="Only of this user."),
]
InLanguage = Annotated[
    str | None,
    Query(
        max_length=3,
        pattern=r"^[a-z]{2,3}$",
        description="Of title, prompt and example, where there are more.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="A second request with the same key is answered with what the first one made.",
    ),
]
