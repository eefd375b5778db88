"""Routes of sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from msgspec.structs import replace

from roundhouse.features.chat.routes.asking import (
    IdempotencyKey,
    NewestFirst,
    OfUser,
    OldestFirst,
    Reader,
    SessionId,
    Since,
    Until,
    WhichSessions,
    Writer,
)
from roundhouse.features.chat.schemas import (
    CleanupAsk,
    CleanupRead,
    MessageList,
    SessionCreate,
    SessionDeleted,
    SessionList,
    SessionPatch,
    SessionRead,
    SessionsStats,
    SessionStats,
    TagList,
)
from roundhouse.features.chat.service import MessageService, SessionService, UpkeepService
from roundhouse.features.chat.store import Span
from roundhouse.infra.moments import begins_s

Branch = Annotated[
    int | None, Query(ge=0, le=2**31 - 1, description="Of this branch; unset = the one that is shown.")
]


def whole_routes(sessions: SessionService, upkeep: UpkeepService) -> APIRouter:
    """Routes of all sessions; they come before those of one."""
    routes = APIRouter(tags=["sessions"])

    @routes.post("/v1/sessions", operation_id="create_session", status_code=201)
    async def create_session(
        caller: Writer,
        response: Response,
        body: SessionCreate | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> SessionRead:
        """Begin a session."""
        made = await sessions.create(caller, body or SessionCreate(), idempotency_key)
        response.headers["location"] = f"/v1/sessions/{made.id}"
        return made

    @routes.get("/v1/sessions", operation_id="list_sessions")
    async def list_sessions(
        caller: Reader,
        turn: NewestFirst,
        wanted: WhichSessions,
        deleted: Annotated[bool, Query(description="Deleted ones instead of those that are there.")] = False,
    ) -> SessionList:
        """Your sessions by their last change, newest first unless asked otherwise."""
        return await sessions.page(caller, replace(wanted, deleted=deleted), turn)

    @routes.get("/v1/sessions/tags", operation_id="list_tags")
    async def list_tags(caller: Reader) -> TagList:
        """Tags of your sessions with the number of sessions that have them."""
        return await sessions.tags(caller)

    @routes.get("/v1/sessions/stats", operation_id="sessions_stats")
    async def sessions_stats(
        caller: Reader, user_id: OfUser = None, created_after: Since = None, created_before: Until = None
    ) -> SessionsStats:
        """Messages, tokens, cost and times of your sessions, by model, user and session."""
        return await upkeep.stats(caller, Span(user_id, begins_s(created_after), begins_s(created_before)))

    @routes.post("/v1/sessions/cleanup", operation_id="clean_up_sessions")
    async def clean_up_sessions(caller: Writer, body: CleanupAsk) -> CleanupRead:
        """Archive or delete sessions that were not changed for long; by default it only tells which they are."""
        return await upkeep.clean_up(caller, body)

    return routes


def session_routes(sessions: SessionService, messages: MessageService, upkeep: UpkeepService) -> APIRouter:
    """Routes of one session."""
    routes = APIRouter(tags=["sessions"])

    @routes.get("/v1/sessions/{session_id}", operation_id="get_session")
    async def get_session(caller: Reader, session_id: SessionId) -> SessionRead:
        """One session, also while it is deleted and can be restored."""
        return await sessions.get(caller, session_id)

    @routes.patch("/v1/sessions/{session_id}", operation_id="update_session")
    async def update_session(caller: Writer, session_id: SessionId, body: SessionPatch) -> SessionRead:
        """Change a session: title, tags, pin, model and the like."""
        return await sessions.update(caller, session_id, body)

    @routes.delete("/v1/sessions/{session_id}", operation_id="delete_session")
    async def delete_session(
        caller: Writer,
        session_id: SessionId,
        permanent: Annotated[bool, Query(description="At once and for good.")] = False,
    ) -> SessionDeleted:
        """Delete a session with its messages; it can be restored for a while unless `permanent`."""
        return await sessions.delete(caller, session_id, permanent=permanent)

    @routes.post("/v1/sessions/{session_id}/restore", operation_id="restore_session")
    async def restore_session(caller: Writer, session_id: SessionId) -> SessionRead:
        """Bring a deleted session back."""
        return await sessions.restore(caller, session_id)

    @routes.post("/v1/sessions/{session_id}/archive", operation_id="archive_session")
    async def archive_session(caller: Writer, session_id: SessionId) -> SessionRead:
        """Put a session away."""
        return await sessions.archive(caller, session_id)

    @routes.post("/v1/sessions/{session_id}/unarchive", operation_id="unarchive_session")
    async def unarchive_session(caller: Writer, session_id: SessionId) -> SessionRead:
        """Take a session back."""
        return await sessions.unarchive(caller, session_id)

    @routes.get("/v1/sessions/{session_id}/messages", operation_id="list_messages")
    async def list_messages(
        caller: Reader, session_id: SessionId, turn: OldestFirst, branch: Branch = None
    ) -> MessageList:
        """The conversation, oldest first unless asked otherwise; deleted messages are left out."""
        return await messages.page(caller, session_id, turn, branch)

    @routes.get("/v1/sessions/{session_id}/stats", operation_id="session_stats")
    async def session_stats(caller: Reader, session_id: SessionId) -> SessionStats:
        """Messages, tokens, cost and times of one session, by role and model."""
        return await upkeep.session_stats(caller, session_id)

    return routes
