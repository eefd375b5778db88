"""The route of pages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from roundhouse.core.types import Caller
from roundhouse.features.knowledge.showing.service import PageService
from roundhouse.infra.auth import require
from roundhouse.infra.web import CancelOnDisconnect

Reader = Annotated[Caller, Depends(require("files:read"))]
FileId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
Page = Annotated[int, Path(ge=1, le=1_000_000, description="From 1.")]

_IMAGE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page as it looks.", "content": {"image/png": _IMAGE, "image/jpeg": _IMAGE}},
    304: {"description": "You have it already (`If-None-Match`)."},
}


def page_routes(pages: PageService) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["files"])

    @routes.get(
        "/v1/files/{file_id}/pages/{page}",
        operation_id="get_file_page",
        response_class=Response,
        responses=_RESPONSES,
    )
    async def get_file_page(
        request: Request,
        caller: Reader,
        file_id: FileId,
        page: Page,
        if_none_match: Annotated[str | None, Header(max_length=8000)] = None,
    ) -> Response:
        """A page of a PDF, or an image, as it looks: PNG where it has few colours, else JPEG; two million pixels."""
        async with CancelOnDisconnect(request.scope, request.receive):
            shown = await pages.show(caller, file_id, page, if_none_match)
        headers = {
            "etag": shown.etag,
            # Kept by the client alone, and asked for again: the right to read it may end.
            "cache-control": "private, no-cache",
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
            "cross-origin-resource-policy": "same-origin",
        }
        if shown.data is None:
            return Response(None, 304, headers)
        return Response(shown.data, 200, headers, media_type=shown.content_type)

    return routes
