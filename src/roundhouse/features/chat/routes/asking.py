"""What the routes of chats are asked with: who may, ids, pages, keys of repeated requests."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Query

from roundhouse.core.types import Caller
from roundhouse.features.chat.pages import Turn
from roundhouse.features.chat.store import SessionFilter
from roundhouse.infra.auth import require
from roundhouse.infra.moments import Moment, begins_s

Reader = Annotated[Caller, Depends(require("chats:read"))]
Writer = Annotated[Caller, Depends(require("chats:write"))]

_ID = r"^[A-Za-z0-9_]+$"
SessionId = Annotated[str, Path(max_length=40, pattern=_ID)]
MessageId = Annotated[str, Path(max_length=40, pattern=_ID)]
MemoryId = Annotated[str, Path(max_length=40, pattern=_ID)]
OfUser = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$", description="Only of this user."),
]
Tagged = Annotated[
    str | None,
    Query(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only with this tag."),
]
OfModel = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="Only with this model."),
]
Since = Annotated[Moment | None, Query(description="Not before this time.")]
Until = Annotated[Moment | None, Query(description="Before this time.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="A second request with the same key is answered with what the first one made.",
    ),
]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor`: the page behind the one that told it.")
]
Before = Annotated[
    str | None,
    Query(max_length=1000, description="`prev_cursor`: the page in front of the one that told it."),
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows in one page.")]
Order = Literal["asc", "desc"]


def newest_first(
    cursor: Cursor = None,
    before: Before = None,
    limit: Limit = 50,
    order: Annotated[Order, Query(description="By time.")] = "desc",
) -> Turn:
    """The page of a list that begins with what is newest."""
    return Turn(cursor, before, order == "desc", limit)


def oldest_first(
    cursor: Cursor = None,
    before: Before = None,
    limit: Limit = 50,
    order: Annotated[
        Order, Query(description="`asc` as it was written; `desc` begins with the last message.")
    ] = "asc",
) -> Turn:
    """The page of a list that begins with what is oldest."""
    return Turn(cursor, before, order == "desc", limit)


def which_sessions(
    archived: Annotated[bool | None, Query(description="Only archived ones, or only others.")] = None,
    pinned: Annotated[bool | None, Query(description="Only pinned ones, or only others.")] = None,
    tag: Tagged = None,
    model: OfModel = None,
    user_id: OfUser = None,
    created_after: Since = None,
    created_before: Until = None,
    updated_after: Since = None,
    updated_before: Until = None,
) -> SessionFilter:
    """Which sessions are asked for; deleted ones are not among them."""
    return SessionFilter(
        archived=archived,
        pinned=pinned,
        tag=tag,
        model=model,
        user_id=user_id,
        created_after_s=begins_s(created_after),
        created_before_s=begins_s(created_before),
        updated_after_s=begins_s(updated_after),
        updated_before_s=begins_s(updated_before),
    )


WhichSessions = Annotated[SessionFilter, Depends(which_sessions)]
NewestFirst = Annotated[Turn, Depends(newest_first)]
OldestFirst = Annotated[Turn, Depends(oldest_first)]
