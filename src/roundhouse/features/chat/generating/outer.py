"""The old form of chats: a prompt under the caller's own names for user and session, answered in `add` and `finish`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound
from roundhouse.core.ports import Clock
from roundhouse.core.types import Caller
from roundhouse.features.chat import store as chats
from roundhouse.features.chat.generating.following import AddFinish
from roundhouse.features.chat.generating.model import How, NewQuestion
from roundhouse.features.chat.generating.routes import Asker, Reader
from roundhouse.features.chat.generating.service import Generations
from roundhouse.features.chat.model import Generation, Session
from roundhouse.features.chat.pages import Turn
from roundhouse.features.chat.schemas import (
    MOST_TEXT_CHARS,
    OutsideId,
    Owner,
    SessionCreate,
    SessionPatch,
    StoreId,
)
from roundhouse.features.chat.service import SessionService
from roundhouse.features.chat.store import SessionFilter
from roundhouse.infra.db import Database
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail

Prompt = Annotated[str, StringConstraints(max_length=MOST_TEXT_CHARS, pattern=r"^[^\x00]*$")]


class OuterPrompt(BaseModel):
    """A prompt in the old form; members that are not known are left aside."""

    model_config = ConfigDict(strict=True)

    user_id: Owner | None = Field(
        None,
        description="Whose session it is, when the key stands for no user; else it must be the key's user.",
    )
    session_id: OutsideId = Field(
        description="Your own name for the session; it is begun with its first prompt."
    )
    prompt: Prompt
    knowledge_base_id: StoreId | None = Field(
        None, description="A vector store that the session's answers are made from, from now on."
    )


class OuterSession(BaseModel):
    """A session in the old form."""

    session_id: str = Field(description="Your own name for it; else the id that we gave it.")
    title: str
    message_count: int
    created_at: datetime
    updated_at: datetime


class OuterSessions(BaseModel):
    """Sessions of a user, the last changed first."""

    user_id: str
    sessions: list[OuterSession]
    has_more: bool
    next_cursor: str | None


class OuterChats:
    """Chats under the caller's own names.

    Args:
        db: The database.
        sessions: Sessions.
        generations: Answers.
        clock: Time.
    """

    def __init__(
        self, db: Database, sessions: SessionService, generations: Generations, clock: Clock
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._generations = generations
        self._clock = clock

    async def ask(self, caller: Caller, asked: OuterPrompt, request_id: str) -> Generation:
        """Have a prompt answered in the session of this name, begun where there is none yet.

        Raises:
            BadInput: The prompt is empty.
            NotAllowed: The key stands for another user.
            Unprocessable: There is no such vector store.
            RoundhouseError: See `Generations.ask`.
        """
        if not asked.prompt.strip():
            raise BadInput("The prompt is empty.", param="prompt")
        acting = acting_for(caller, asked.user_id)
        stores = None if asked.knowledge_base_id is None else [asked.knowledge_base_id]
        session_id = await self._session(acting, asked.session_id, stores)
        question = NewQuestion(asked.prompt)
        _, generation = await self._generations.ask(acting, session_id, question, How(request_id=request_id))
        return generation

    def started(self, generation: Generation) -> Event | None:
        """See `Generations.started`."""
        return self._generations.started(generation.id)

    async def sessions_of(
        self, caller: Caller, user_id: str, cursor: str | None, limit: int
    ) -> OuterSessions:
        """Sessions of a user.

        Raises:
            NotAllowed: The key stands for another user.
            BadInput: The cursor is not one of this list.
        """
        acting = acting_for(caller, user_id)
        page = await self._sessions.page(acting, SessionFilter(), Turn(cursor=cursor, limit=limit))
        found = [
            OuterSession(
                session_id=one.outside_id or one.id,
                title=one.title,
                message_count=one.message_count,
                created_at=one.created_at,
                updated_at=one.updated_at,
            )
            for one in page.data
        ]
        return OuterSessions(
            user_id=user_id, sessions=found, has_more=page.has_more, next_cursor=page.next_cursor
        )

    async def _session(self, caller: Caller, name: str, stores: list[str] | None) -> str:
        found = await self._find(caller, name)
        if found is not None:
            if stores is not None and found.vector_store_ids != stores:
                await self._sessions.update(caller, found.id, SessionPatch(vector_store_ids=stores))
            return found.id
        try:
            new = SessionCreate(outside_id=name, vector_store_ids=stores)
            return (await self._sessions.create(caller, new)).id
        except Conflict:
            # Begun by another request since.
            found = await self._find(caller, name)
            if found is None:
                raise
            return found.id

    async def _find(self, caller: Caller, name: str) -> Session | None:
        async with self._db.begin() as tx:
            found = await chats.outside_session(tx, caller, caller.user_id, name)
            if found is not None and found.deleted_at_s is not None:
                # What was deleted does not come back because its name is used again.
                locked = await chats.get_session(tx, caller, found.id, lock=True, deleted=True)
                await chats.change_session(tx, locked, self._clock.now_s(), outside_id=None)
                return None
            if found is not None:
                return found
            try:
                return await chats.get_session(tx, caller, name)
            except NotFound:
                return None


def acting_for(caller: Caller, user_id: str | None) -> Caller:
    """The caller on behalf of the user it names.

    Raises:
        NotAllowed: It stands for another user.
    """
    if user_id is None or user_id == caller.user_id:
        return caller
    if caller.user_id is not None:
        raise NotAllowed("This key stands for another user.", param="user_id")
    return msgspec.structs.replace(caller, user_id=user_id)


def outer_routes(outer: OuterChats, tail: EventTail) -> APIRouter:
    """The routes of the old form."""
    routes = APIRouter(tags=["generations"])

    @routes.post("/chat/stream", operation_id="outer_ask", response_class=AddFinish, status_code=200)
    async def outer_ask(request: Request, caller: Asker, asked: OuterPrompt) -> AddFinish:
        """A prompt, answered as server-sent events `add` with the parts of the answer, and `finish` at its end.

        A browser reads it with `fetch`, for its `EventSource` cannot send a body.
        """
        generation = await outer.ask(caller, asked, request.scope.get("request_id", ""))
        user_id = asked.user_id or caller.user_id
        return AddFinish(tail, generation, asked.session_id, user_id, outer.started(generation))

    @routes.get("/chat/sessions/{user_id}", operation_id="outer_sessions")
    async def outer_sessions(
        caller: Reader,
        user_id: Annotated[str, Path(max_length=200, pattern=r"^[\x20-\x7e]+$")],
        cursor: Annotated[
            str | None, Query(max_length=1000, description="`next_cursor` of the page before.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Most sessions in one page.")] = 100,
    ) -> OuterSessions:
        """A user's sessions, the last changed first."""
        return await outer.sessions_of(caller, user_id, cursor, limit)

    return routes
