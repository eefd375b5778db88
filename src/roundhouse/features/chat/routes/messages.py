"""Routes of messages."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.chat.routes.asking import MessageId, Reader, Writer
from roundhouse.features.chat.schemas import (
    MessageDeleted,
    MessagePatch,
    MessageRead,
    SessionRead,
    SiblingList,
)
from roundhouse.features.chat.service import MessageService, SessionService


def message_routes(sessions: SessionService, messages: MessageService) -> APIRouter:
    """Routes of one message."""
    routes = APIRouter(tags=["messages"])

    @routes.get("/v1/messages/{message_id}", operation_id="get_message")
    async def get_message(caller: Reader, message_id: MessageId) -> MessageRead:
        """One message."""
        return await messages.get(caller, message_id)

    @routes.patch("/v1/messages/{message_id}", operation_id="update_message")
    async def update_message(caller: Writer, message_id: MessageId, body: MessagePatch) -> MessageRead:
        """Change a message in its place: its text, its pin, its metadata. Nothing is asked anew."""
        return await messages.update(caller, message_id, body)

    @routes.delete("/v1/messages/{message_id}", operation_id="delete_message")
    async def delete_message(caller: Writer, message_id: MessageId) -> MessageDeleted:
        """Drop what a message says for good; what follows it stays."""
        return await messages.delete(caller, message_id)

    @routes.get("/v1/messages/{message_id}/siblings", operation_id="list_siblings")
    async def list_siblings(caller: Reader, message_id: MessageId) -> SiblingList:
        """The messages that stand in the place of this one, it among them: edited questions, other answers."""
        return await messages.siblings(caller, message_id)

    @routes.post("/v1/messages/{message_id}/show", operation_id="show_message")
    async def show_message(caller: Writer, message_id: MessageId) -> SessionRead:
        """Show the branch that goes through this message, the one that was written to last."""
        return await sessions.show_message(caller, message_id)

    return routes
