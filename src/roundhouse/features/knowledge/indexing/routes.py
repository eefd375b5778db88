"""Routes of index versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from roundhouse.features.knowledge.indexing.schemas import (
    EvaluateAsk,
    EvaluationRead,
    IndexVersionDeleted,
    IndexVersionList,
    IndexVersionRead,
    MoveAsk,
    ReindexAsk,
)
from roundhouse.features.knowledge.indexing.service import IndexService
from roundhouse.features.knowledge.stores.routes.asking import Reader, StoreId, Writer

Number = Annotated[int, Path(ge=1, le=2**53, description="Of the index version.")]

_ALL = "/v1/vector_stores/{vector_store_id}/index_versions"


def index_routes(versions: IndexService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["vector stores"])

    @routes.get(_ALL, operation_id="list_index_versions")
    async def list_index_versions(caller: Reader, vector_store_id: StoreId) -> IndexVersionList:
        """The index versions of a vector store, newest first, with what was measured of each."""
        return await versions.all(caller, vector_store_id)

    @routes.post("/v1/vector_stores/{vector_store_id}/reindex", operation_id="reindex", status_code=202)
    async def reindex(
        caller: Writer, vector_store_id: StoreId, body: ReindexAsk, response: Response
    ) -> IndexVersionRead:
        """Make a new index version in the background; searches go on with the present one."""
        return _begun(await versions.reindex(caller, vector_store_id, body), response)

    @routes.post("/v1/vector_stores/{vector_store_id}/move", operation_id="move_vectors", status_code=202)
    async def move_vectors(
        caller: Writer, vector_store_id: StoreId, body: MoveAsk, response: Response
    ) -> IndexVersionRead:
        """Keep the vectors in another kind of vector store: copied, counted, compared, then switched."""
        return _begun(await versions.move(caller, vector_store_id, body), response)

    @routes.post(f"{_ALL}/{{number}}/activate", operation_id="activate_index_version")
    async def activate_index_version(
        caller: Writer, vector_store_id: StoreId, number: Number
    ) -> IndexVersionRead:
        """Search by this version: a new one, or the one before. One that lacks documents is filled first."""
        return await versions.activate(caller, vector_store_id, number)

    @routes.delete(f"{_ALL}/{{number}}", operation_id="delete_index_version")
    async def delete_index_version(
        caller: Writer, vector_store_id: StoreId, number: Number
    ) -> IndexVersionDeleted:
        """Do not keep a version any longer; not the one that is searched."""
        return await versions.delete(caller, vector_store_id, number)

    @routes.post("/v1/vector_stores/{vector_store_id}/evaluate", operation_id="evaluate_vector_store")
    async def evaluate_vector_store(
        caller: Reader, vector_store_id: StoreId, body: EvaluateAsk
    ) -> EvaluationRead:
        """Measure the search of a store by questions made of its own passages; takes some seconds."""
        return await versions.evaluate(caller, vector_store_id, body)

    return routes


def _begun(version: IndexVersionRead, response: Response) -> IndexVersionRead:
    response.headers["location"] = f"/v1/jobs/{version.job_id}"
    return version
