"""Routes of export and import."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from roundhouse.features.chat.routes.asking import Reader, SessionId, WhichSessions, Writer
from roundhouse.features.chat.transfer.exporting import ExportFormat
from roundhouse.features.chat.transfer.reading import ImportFormat
from roundhouse.features.chat.transfer.schemas import ImportReport
from roundhouse.features.chat.transfer.service import Download, TransferService
from roundhouse.infra.web import body_pieces

IMPORT_PATH = "/v1/sessions/import"
"""Its body may be larger than a JSON body: `TransferService.largest_file_bytes`."""

Form = Annotated[
    ExportFormat,
    Query(
        alias="format",
        description="`json` loses nothing and can be imported; the others show the conversation as it is now.",
    ),
]
FileForm = Annotated[
    ImportFormat, Query(alias="format", description="What the file is; `auto` = it tells itself.")
]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: JSON, zip or SQLite.",
        "content": {"application/octet-stream": _BINARY},
    }
}
_SESSION: dict[int | str, dict[str, Any]] = {
    200: {"description": "The session, as a download.", "content": {"*/*": _BINARY}}
}
_ACCOUNT: dict[int | str, dict[str, Any]] = {
    200: {"description": "A zip file, a file for each session.", "content": {"application/zip": _BINARY}}
}


def router(transfer: TransferService, body_timeout_s: float) -> APIRouter:
    """The routes of transfer; they come before those of one session.

    Args:
        transfer: Their service.
        body_timeout_s: Longest pause in an upload.
    """
    routes = APIRouter(tags=["sessions"])
    _export_routes(routes, transfer)

    @routes.post(
        IMPORT_PATH, operation_id="import_sessions", response_model=ImportReport, openapi_extra=_FILE
    )
    async def import_sessions(caller: Writer, request: Request, form: FileForm = "auto") -> ImportReport:
        """Import conversations: our own export, ChatGPT's, Open WebUI's, or the studio's SQLite file.

        What is here already is skipped, so the same file may be sent again.
        """
        return await transfer.import_file(caller, body_pieces(request.receive, body_timeout_s), form)

    return routes


def _export_routes(routes: APIRouter, transfer: TransferService) -> None:
    @routes.get(
        "/v1/sessions/export",
        operation_id="export_sessions",
        response_class=StreamingResponse,
        responses=_ACCOUNT,
    )
    async def export_sessions(
        caller: Reader,
        wanted: WhichSessions,
        form: Form = "json",
        memories: Annotated[
            bool, Query(description="Whether long-term memories come along, as JSON.")
        ] = True,
    ) -> StreamingResponse:
        """All your sessions, or those that a filter lets through, as a zip file."""
        return _sent(await transfer.export_account(caller, wanted, form, with_memories=memories))

    @routes.get(
        "/v1/sessions/{session_id}/export",
        operation_id="export_session",
        response_class=StreamingResponse,
        responses=_SESSION,
    )
    async def export_session(caller: Reader, session_id: SessionId, form: Form = "json") -> StreamingResponse:
        """One session as a download."""
        return _sent(await transfer.export_session(caller, session_id, form))


def _sent(download: Download) -> StreamingResponse:
    plain = download.filename.encode("ascii", "ignore").decode()
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(download.filename, safe='')}"
    headers = {
        "content-disposition": named,
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(download.pieces, media_type=download.content_type, headers=headers)
