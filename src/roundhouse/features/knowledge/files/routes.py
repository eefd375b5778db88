"""Routes of files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.files.delivery import deliver
from roundhouse.features.knowledge.files.schemas import FileDeleted, FileList, FileRead, upload_body
from roundhouse.features.knowledge.files.service import FileService, Upload
from roundhouse.features.knowledge.files.store import Listing
from roundhouse.infra.auth import require
from roundhouse.infra.web import body_pieces

UPLOAD_PATH = "/v1/files"
"""The one path whose body may be larger than a JSON body."""

Reader = Annotated[Caller, Depends(require("files:read"))]
Writer = Annotated[Caller, Depends(require("files:write"))]
FileId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
After = Annotated[
    str | None,
    Query(max_length=40, pattern=r"^[A-Za-z0-9_-]+$", description="Only files behind this id."),
]
PurposeIs = Annotated[
    str | None, Query(max_length=40, pattern=r"^[a-z_-]+$", description="Only of this one.")
]
Limit = Annotated[
    int, Query(ge=1, le=10_000, description="Most files in one page; never more than 1,000 are in one.")
]
Order = Annotated[Literal["asc", "desc"], Query(description="By creation.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="Sent again with the same key, the same upload makes no second file.",
    ),
]

_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The content, as a download.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "The part that `Range` asks for."},
    304: {"description": "You have it already (`If-None-Match`)."},
}


def router(files: FileService, body_timeout_s: float) -> APIRouter:
    """The room's routes.

    Args:
        files: Their service.
        body_timeout_s: Longest pause in an upload.
    """
    routes = APIRouter(tags=["files"])
    _upload_route(routes, files, body_timeout_s)
    _file_routes(routes, files)
    return routes


def _upload_route(routes: APIRouter, files: FileService, body_timeout_s: float) -> None:
    @routes.post(
        UPLOAD_PATH,
        operation_id="create_file",
        response_model=FileRead,
        openapi_extra={"requestBody": upload_body()},
    )
    async def create_file(
        caller: Writer, request: Request, idempotency_key: IdempotencyKey = None
    ) -> FileRead:
        """Upload a file; it is on disk when the answer comes."""
        length = request.headers.get("content-length")
        sent = Upload(
            request.headers.get("content-type", ""),
            int(length) if length is not None else None,
            idempotency_key,
        )
        return await files.upload(caller, sent, body_pieces(request.receive, body_timeout_s))


def _file_routes(routes: APIRouter, files: FileService) -> None:
    @routes.get("/v1/files", operation_id="list_files")
    async def list_files(
        caller: Reader,
        purpose: PurposeIs = None,
        limit: Limit = 1000,
        order: Order = "desc",
        after: After = None,
    ) -> FileList:
        """Your files, newest first unless asked otherwise."""
        return await files.list(caller, Listing(purpose, after, order == "desc", limit))

    @routes.get("/v1/files/{file_id}", operation_id="get_file")
    async def get_file(caller: Reader, file_id: FileId) -> FileRead:
        """What is known of one file."""
        return await files.show(caller, file_id)

    @routes.delete("/v1/files/{file_id}", operation_id="delete_file")
    async def delete_file(caller: Writer, file_id: FileId) -> FileDeleted:
        """Delete a file for good."""
        return await files.remove(caller, file_id)

    @routes.get(
        "/v1/files/{file_id}/content",
        operation_id="get_file_content",
        response_class=Response,
        responses=_CONTENT,
    )
    @routes.head("/v1/files/{file_id}/content", include_in_schema=False)
    async def get_file_content(caller: Reader, file_id: FileId, request: Request) -> Response:
        """Its bytes; `Range`, `If-Range` and `If-None-Match` hold."""
        info = await files.get(caller, file_id)
        return await deliver(
            info,
            dict(request.headers),
            lambda start, end: files.read(caller, file_id, start, end),
            head_only=request.method == "HEAD",
            request_id=request.scope.get("request_id", ""),
        )
