"""The routes of the chat room, the old forms among them."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.app.chat import ChatRoom
from roundhouse.app.parts import Parts
from roundhouse.features.chat import routes as chat_routes
from roundhouse.features.chat.generating.outer import OuterChats, outer_routes
from roundhouse.features.chat.generating.routes import router as generation_routes
from roundhouse.features.chat.transfer import routes as transfer_routes


def chat_router(room: ChatRoom, parts: Parts) -> APIRouter:
    """All routes of the room."""
    outer = OuterChats(parts.db, room.sessions, room.generations, parts.clock)
    return chat_routes.router(
        room.sessions,
        room.messages,
        room.memories,
        room.upkeep,
        room.searching,
        more=[
            transfer_routes.router(room.transfer, parts.settings.server.body_timeout_s),
            generation_routes(room.generations, parts.tail),
            outer_routes(outer, parts.tail),
        ],
    )


def large_chat_bodies(room: ChatRoom) -> dict[str, int]:
    """Paths that take more than a request's usual size, and how much."""
    return {transfer_routes.IMPORT_PATH: room.transfer.largest_file_bytes}
