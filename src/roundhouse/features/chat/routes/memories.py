"""Routes of what is remembered of users."""

from __future__ import annotations

from fastapi import APIRouter, Response

from roundhouse.features.chat.routes.asking import (
    IdempotencyKey,
    MemoryId,
    NewestFirst,
    OfUser,
    Reader,
    Writer,
)
from roundhouse.features.chat.schemas import (
    MemoryCreate,
    MemoryDeleted,
    MemoryList,
    MemoryPatch,
    MemoryRead,
    MemorySwitch,
    MemorySwitchRead,
)
from roundhouse.features.chat.service import MemoryService


def memory_routes(memories: MemoryService) -> APIRouter:
    """Routes of memories and their switch."""
    routes = APIRouter(tags=["memories"])

    @routes.post("/v1/memories", operation_id="create_memory", status_code=201)
    async def create_memory(
        caller: Writer, response: Response, body: MemoryCreate, idempotency_key: IdempotencyKey = None
    ) -> MemoryRead:
        """Remember something of a user beyond one session."""
        made = await memories.create(caller, body, idempotency_key)
        response.headers["location"] = f"/v1/memories/{made.id}"
        return made

    @routes.get("/v1/memories", operation_id="list_memories")
    async def list_memories(caller: Reader, turn: NewestFirst, user_id: OfUser = None) -> MemoryList:
        """What is remembered, newest first unless asked otherwise."""
        return await memories.page(caller, user_id, turn)

    @routes.get("/v1/memories/switch", operation_id="get_memory_switch")
    async def get_memory_switch(caller: Reader, user_id: OfUser = None) -> MemorySwitchRead:
        """Whether memories of a user are told to models."""
        return await memories.switched(caller, user_id)

    @routes.put("/v1/memories/switch", operation_id="set_memory_switch")
    async def set_memory_switch(caller: Writer, body: MemorySwitch) -> MemorySwitchRead:
        """Switch the use of a user's memories on or off; they are kept either way."""
        return await memories.switch(caller, body)

    @routes.get("/v1/memories/{memory_id}", operation_id="get_memory")
    async def get_memory(caller: Reader, memory_id: MemoryId) -> MemoryRead:
        """One memory."""
        return await memories.get(caller, memory_id)

    @routes.patch("/v1/memories/{memory_id}", operation_id="update_memory")
    async def update_memory(caller: Writer, memory_id: MemoryId, body: MemoryPatch) -> MemoryRead:
        """Put a memory in other words."""
        return await memories.update(caller, memory_id, body)

    @routes.delete("/v1/memories/{memory_id}", operation_id="delete_memory")
    async def delete_memory(caller: Writer, memory_id: MemoryId) -> MemoryDeleted:
        """Forget it."""
        return await memories.delete(caller, memory_id)

    return routes
