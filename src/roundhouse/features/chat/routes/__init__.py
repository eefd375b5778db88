"""Routes of chats."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from roundhouse.features.chat.routes.finding import search_routes
from roundhouse.features.chat.routes.memories import memory_routes
from roundhouse.features.chat.routes.messages import message_routes
from roundhouse.features.chat.routes.sessions import session_routes, whole_routes
from roundhouse.features.chat.service import (
    MemoryService,
    MessageService,
    SearchService,
    SessionService,
    UpkeepService,
)
from roundhouse.infra.rooms import gathered


def router(
    sessions: SessionService,
    messages: MessageService,
    memories: MemoryService,
    upkeep: UpkeepService,
    finding: SearchService,
    more: Sequence[APIRouter] = (),
) -> APIRouter:
    """The room's routes.

    Args:
        sessions: Sessions.
        messages: Messages.
        memories: Memories.
        upkeep: Numbers and clean-up.
        finding: Search.
        more: Further routes of the room. They come first, so that their names are not taken for ids of sessions.
    """
    return gathered(
        *more,
        search_routes(finding),
        whole_routes(sessions, upkeep),
        session_routes(sessions, messages, upkeep),
        message_routes(sessions, messages),
        memory_routes(memories),
    )
