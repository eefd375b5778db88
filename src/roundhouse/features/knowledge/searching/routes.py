"""The route of searching."""

from __future__ import annotations

from fastapi import APIRouter, Request

from roundhouse.core.ids import new_id
from roundhouse.features.knowledge.searching.rewriting import RewritingSearch
from roundhouse.features.knowledge.searching.schemas import ResultPage, SearchBody, read_found
from roundhouse.features.knowledge.searching.service import SearchService
from roundhouse.features.knowledge.stores.routes.asking import Reader, StoreId


def search_routes(searching: SearchService, rewriting: RewritingSearch) -> APIRouter:
    """The routes.

    Args:
        searching: Searches for queries as they stand.
        rewriting: Searches for what a language model makes of them.
    """
    routes = APIRouter(tags=["vector stores"])

    @routes.post("/v1/vector_stores/{vector_store_id}/search", operation_id="search_vector_store")
    async def search_vector_store(
        request: Request, caller: Reader, vector_store_id: StoreId, body: SearchBody
    ) -> ResultPage:
        """The passages of a vector store that fit a question best."""
        if body.rewrite_query:
            request_id = request.scope.get("request_id", "") or new_id("req")
            return read_found(await rewriting.search(caller, [vector_store_id], body.asked(), request_id))
        return read_found(await searching.search(caller, [vector_store_id], body.asked()))

    return routes
