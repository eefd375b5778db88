"""Routes of files in stores, and of batches of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from roundhouse.features.knowledge.stores.model import FileStatus
from roundhouse.features.knowledge.stores.routes.asking import (
    After,
    BatchId,
    Before,
    FileId,
    IdempotencyKey,
    Limit,
    Order,
    Reader,
    StoreId,
    Writer,
    listing,
)
from roundhouse.features.knowledge.stores.schemas import (
    BatchCreate,
    BatchRead,
    ContentPage,
    FileCreate,
    FilePatch,
    StoreFileDeleted,
    StoreFileList,
    StoreFileRead,
)
from roundhouse.features.knowledge.stores.service import BatchService, StoreFileService

Status = Annotated[FileStatus | None, Query(alias="filter", description="Only files in this state.")]
Cursor = Annotated[str | None, Query(alias="page", max_length=100, description="`next_page`.")]

_STORE = "/v1/vector_stores/{vector_store_id}"


def file_routes(files: StoreFileService) -> APIRouter:
    """Routes of single files."""
    routes = APIRouter(tags=["vector stores"])

    @routes.get(f"{_STORE}/files", operation_id="list_vector_store_files")
    async def list_vector_store_files(
        caller: Reader,
        vector_store_id: StoreId,
        status: Status = None,
        limit: Limit = 20,
        order: Order = "desc",
        after: After = None,
        before: Before = None,
    ) -> StoreFileList:
        """Files of a vector store, in the order of their upload."""
        return await files.page(caller, vector_store_id, status, listing(limit, order, after, before))

    @routes.post(f"{_STORE}/files", operation_id="create_vector_store_file")
    async def create_vector_store_file(
        caller: Writer, vector_store_id: StoreId, body: FileCreate, idempotency_key: IdempotencyKey = None
    ) -> StoreFileRead:
        """Add a file; a job reads it, and it is found when that is done."""
        return await files.add(caller, vector_store_id, body, idempotency_key)

    @routes.get(f"{_STORE}/files/{{file_id}}", operation_id="get_vector_store_file")
    async def get_vector_store_file(
        caller: Reader, vector_store_id: StoreId, file_id: FileId
    ) -> StoreFileRead:
        """One file of a vector store, and how far it is."""
        return await files.show(caller, vector_store_id, file_id)

    @routes.post(f"{_STORE}/files/{{file_id}}", operation_id="update_vector_store_file")
    async def update_vector_store_file(
        caller: Writer, vector_store_id: StoreId, file_id: FileId, body: FilePatch
    ) -> StoreFileRead:
        """Change the attributes of a file."""
        return await files.update(caller, vector_store_id, file_id, body)

    @routes.delete(f"{_STORE}/files/{{file_id}}", operation_id="delete_vector_store_file")
    async def delete_vector_store_file(
        caller: Writer, vector_store_id: StoreId, file_id: FileId
    ) -> StoreFileDeleted:
        """Take a file out of a vector store; the file itself stays."""
        return await files.remove(caller, vector_store_id, file_id)

    @routes.get(f"{_STORE}/files/{{file_id}}/content", operation_id="get_vector_store_file_content")
    async def get_vector_store_file_content(
        caller: Reader, vector_store_id: StoreId, file_id: FileId, cursor: Cursor = None
    ) -> ContentPage:
        """What was read from a file, passage by passage."""
        return await files.content(caller, vector_store_id, file_id, cursor)

    return routes


def batch_routes(batches: BatchService) -> APIRouter:
    """Routes of batches."""
    routes = APIRouter(tags=["vector stores"])

    @routes.post(f"{_STORE}/file_batches", operation_id="create_vector_store_file_batch")
    async def create_vector_store_file_batch(
        caller: Writer, vector_store_id: StoreId, body: BatchCreate, idempotency_key: IdempotencyKey = None
    ) -> BatchRead:
        """Add many files with one request, all of them or none."""
        return await batches.create(caller, vector_store_id, body, idempotency_key)

    @routes.get(f"{_STORE}/file_batches/{{batch_id}}", operation_id="get_vector_store_file_batch")
    async def get_vector_store_file_batch(
        caller: Reader, vector_store_id: StoreId, batch_id: BatchId
    ) -> BatchRead:
        """How far a batch is."""
        return await batches.show(caller, vector_store_id, batch_id)

    @routes.post(f"{_STORE}/file_batches/{{batch_id}}/cancel", operation_id="cancel_vector_store_file_batch")
    async def cancel_vector_store_file_batch(
        caller: Writer, vector_store_id: StoreId, batch_id: BatchId
    ) -> BatchRead:
        """Stop the work on the files of a batch that are not done."""
        return await batches.cancel(caller, vector_store_id, batch_id)

    @routes.get(f"{_STORE}/file_batches/{{batch_id}}/files", operation_id="list_vector_store_files_in_batch")
    async def list_vector_store_files_in_batch(
        caller: Reader,
        vector_store_id: StoreId,
        batch_id: BatchId,
        status: Status = None,
        limit: Limit = 20,
        order: Order = "desc",
        after: After = None,
        before: Before = None,
    ) -> StoreFileList:
        """Files of a batch, in the order of their upload."""
        wanted = listing(limit, order, after, before)
        return await batches.page(caller, vector_store_id, batch_id, status, wanted)

    return routes
