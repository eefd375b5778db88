"""What the routes of vector stores are asked with: who may, ids, pages, keys of repeated requests."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.stores.store.listing import Listing
from roundhouse.infra.auth import require

Reader = Annotated[Caller, Depends(require("knowledge:read"))]
Writer = Annotated[Caller, Depends(require("knowledge:write"))]

_ID = r"^[A-Za-z0-9_-]+$"
StoreId = Annotated[str, Path(max_length=40, pattern=_ID)]
FileId = Annotated[str, Path(max_length=40, pattern=_ID)]
BatchId = Annotated[str, Path(max_length=40, pattern=_ID)]
After = Annotated[
    str | None, Query(max_length=40, pattern=_ID, description="Only what comes behind this id.")
]
Before = Annotated[
    str | None, Query(max_length=40, pattern=_ID, description="The page that ends before this id.")
]
Limit = Annotated[int, Query(ge=1, le=100, description="Most rows in one page.")]
Order = Annotated[Literal["asc", "desc"], Query(description="By creation.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="A second request with the same key is answered with what the first one made.",
    ),
]


def listing(limit: int, order: str, after: str | None, before: str | None) -> Listing:
    """The page that is asked for."""
    return Listing(limit, order == "desc", after, before)
