"""The route of searching."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse.features.knowledge.searching.schemas import ResultPage, SearchBody, read_found
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.stores.routes.asking import Reader, StoreId


def search_routes(searching: SearchService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["vector stores"])

    @routes.post("/v1/vector_stores/{vector_store_id}/search", operation_id="search_vector_store")
    async def search_vector_store(caller: Reader, vector_store_id: StoreId, body: SearchBody) -> ResultPage:
        """The passages of a vector store that fit a question best."""
        return read_found(await searching.search(caller, [vector_store_id], body.asked()))

    return routes
