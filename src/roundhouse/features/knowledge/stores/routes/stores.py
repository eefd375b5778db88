"""Routes of stores themselves."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.knowledge.stores.routes.asking import (
    After,
    Before,
    IdempotencyKey,
    Limit,
    Order,
    Reader,
    StoreId,
    Writer,
    listing,
)
from roundhouse.features.knowledge.stores.schemas import (
    StoreCreate,
    StoreDeleted,
    StoreList,
    StorePatch,
    StoreRead,
)
from roundhouse.features.knowledge.stores.service import StoreService


def store_routes(stores: StoreService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["vector stores"])

    @routes.get("/v1/vector_stores", operation_id="list_vector_stores")
    async def list_vector_stores(
        caller: Reader,
        limit: Limit = 20,
        order: Order = "desc",
        after: After = None,
        before: Before = None,
    ) -> StoreList:
        """Your vector stores, newest first unless asked otherwise."""
        return await stores.page(caller, listing(limit, order, after, before))

    @routes.post("/v1/vector_stores", operation_id="create_vector_store")
    async def create_vector_store(
        caller: Writer, body: StoreCreate, idempotency_key: IdempotencyKey = None
    ) -> StoreRead:
        """Make a vector store."""
        return await stores.create(caller, body, idempotency_key)

    @routes.get("/v1/vector_stores/{vector_store_id}", operation_id="get_vector_store")
    async def get_vector_store(caller: Reader, vector_store_id: StoreId) -> StoreRead:
        """One vector store."""
        return await stores.show(caller, vector_store_id)

    @routes.post("/v1/vector_stores/{vector_store_id}", operation_id="update_vector_store")
    async def update_vector_store(caller: Writer, vector_store_id: StoreId, body: StorePatch) -> StoreRead:
        """Change a vector store; what is left out stays."""
        return await stores.update(caller, vector_store_id, body)

    @routes.delete("/v1/vector_stores/{vector_store_id}", operation_id="delete_vector_store")
    async def delete_vector_store(caller: Writer, vector_store_id: StoreId) -> StoreDeleted:
        """Delete a vector store with all that was read from its files; the files themselves stay."""
        return await stores.delete(caller, vector_store_id)

    return routes
