"""Routes of search; they come before those of one session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from roundhouse.features.chat.model import Role
from roundhouse.features.chat.routes.asking import OfUser, Reader, Since, Until
from roundhouse.features.chat.schemas import FoundMessageList, FoundSessionList
from roundhouse.features.chat.service.finding import SearchService
from roundhouse.infra import search
from roundhouse.infra.moments import begins_s

Words = Annotated[
    str,
    Query(min_length=1, max_length=1000, description='Words, and phrases in double quotes: `"so it is"`.'),
]
Tags = Annotated[
    list[str] | None, Query(max_length=20, description="Only in sessions with all of these tags.")
]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Most hits in one page.")]


def search_routes(finding: SearchService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["sessions"])

    @routes.get("/v1/messages/search", operation_id="search_messages")
    async def search_messages(
        caller: Reader,
        q: Words,
        session_id: Annotated[str | None, Query(max_length=40, description="Only in this session.")] = None,
        role: Role | None = None,
        tag: Tags = None,
        user_id: OfUser = None,
        after: Since = None,
        before: Until = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> FoundMessageList:
        """Messages by their text, the best first: in any language, with or without diacritics or points."""
        wanted = search.Query(
            q,
            "",
            user_id=user_id,
            parent_id=session_id,
            role=role,
            tags=tuple(tag or ()),
            since_s=begins_s(after),
            until_s=begins_s(before),
            limit=limit,
            cursor=cursor,
        )
        return await finding.messages(caller, wanted)

    @routes.get("/v1/sessions/search", operation_id="search_sessions")
    async def search_sessions(
        caller: Reader,
        q: Words,
        tag: Tags = None,
        user_id: OfUser = None,
        after: Since = None,
        before: Until = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> FoundSessionList:
        """Sessions by their titles, the best first."""
        wanted = search.Query(
            q,
            "",
            user_id=user_id,
            tags=tuple(tag or ()),
            since_s=begins_s(after),
            until_s=begins_s(before),
            limit=limit,
            cursor=cursor,
        )
        return await finding.sessions(caller, wanted)

    return routes
