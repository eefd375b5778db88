"""Routes of recordings."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Response

from roundhouse.features.audio.exporting import Export, ExportForm
from roundhouse.features.audio.model import CameBy, Kind, Status
from roundhouse.features.audio.routes.asking import (
    Asker,
    Cursor,
    Limit,
    OfUser,
    Reader,
    RecordingId,
    SegmentLimit,
    SegmentNumber,
    Writer,
)
from roundhouse.features.audio.schemas import (
    ProcessRead,
    RecordingDeleted,
    RecordingList,
    RecordingPatch,
    RecordingRead,
    RecordingsFound,
    RecordingWhole,
    RerunAsk,
    SegmentList,
    SegmentPatch,
    SegmentRead,
)
from roundhouse.features.audio.service import RecordingService
from roundhouse.features.audio.shapes import STATUSES
from roundhouse.features.audio.store.recordings import RecordingFilter
from roundhouse.infra.moments import Moment, unix_s

Since = Annotated[Moment | None, Query(description="Not before this time.")]
Until = Annotated[Moment | None, Query(description="Before this time.")]
Words = Annotated[
    str,
    Query(
        alias="q", min_length=1, max_length=1000, pattern=r"^[^\x00]+$", description='Words and "phrases".'
    ),
]
OfLanguage = Annotated[
    str | None, Query(max_length=3, pattern=r"^[a-z]{2,3}$", description="Only in this language.")
]
OfRecording = Annotated[
    str | None, Query(max_length=40, pattern=r"^[A-Za-z0-9_]+$", description="Only in this one.")
]

_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as a download.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def whole_routes(recordings: RecordingService) -> APIRouter:
    """Routes of all recordings; they come before those of one."""
    routes = APIRouter(tags=["recordings"])

    @routes.get("/v1/recordings", operation_id="list_recordings")
    async def list_recordings(
        caller: Reader,
        status: Annotated[Status | None, Query(description="Only in this state.")] = None,
        kind: Annotated[Kind | None, Query(description="Only sound, or only texts.")] = None,
        source: Annotated[
            CameBy | None, Query(description="Only such as came by requests, or by watched folders.")
        ] = None,
        language: OfLanguage = None,
        user_id: OfUser = None,
        created_after: Since = None,
        created_before: Until = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> RecordingList:
        """Your recordings, newest first."""
        stages = None if status is None else tuple(name for name, of in STATUSES.items() if of == status)
        wanted = RecordingFilter(
            stages=stages,
            kind=kind,
            source=source,
            language=language,
            user_id=user_id,
            created_after_s=unix_s(created_after),
            created_before_s=unix_s(created_before),
        )
        return await recordings.page(caller, wanted, cursor=cursor, limit=limit)

    @routes.get("/v1/recordings/search", operation_id="search_recordings")
    async def search_recordings(
        caller: Reader,
        text: Words,
        recording_id: OfRecording = None,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=100, description="Most hits in one page.")] = 20,
    ) -> RecordingsFound:
        """What was said, by its words: paragraphs with their times, the best first."""
        return await recordings.search(caller, text, recording_id=recording_id, cursor=cursor, limit=limit)

    return routes


def recording_routes(recordings: RecordingService) -> APIRouter:
    """Routes of one recording."""
    routes = APIRouter(tags=["recordings"])

    @routes.get("/v1/recordings/{recording_id}", operation_id="get_recording")
    async def get_recording(caller: Reader, recording_id: RecordingId) -> RecordingWhole:
        """One recording with its texts and its summary."""
        return await recordings.get(caller, recording_id)

    @routes.patch("/v1/recordings/{recording_id}", operation_id="update_recording")
    async def update_recording(
        caller: Writer, recording_id: RecordingId, body: RecordingPatch
    ) -> RecordingRead:
        """Change title or metadata."""
        return await recordings.update(caller, recording_id, body)

    @routes.delete("/v1/recordings/{recording_id}", operation_id="delete_recording")
    async def delete_recording(caller: Writer, recording_id: RecordingId) -> RecordingDeleted:
        """Delete a recording with its texts and its sound; a job that works on it is stopped."""
        return await recordings.delete(caller, recording_id)

    @routes.get("/v1/recordings/{recording_id}/segments", operation_id="list_segments")
    async def list_segments(
        caller: Reader, recording_id: RecordingId, cursor: Cursor = None, limit: SegmentLimit = 200
    ) -> SegmentList:
        """What was said, with times, in order."""
        return await recordings.segments(caller, recording_id, cursor=cursor, limit=limit)

    @routes.patch("/v1/recordings/{recording_id}/segments/{number}", operation_id="correct_segment")
    async def correct_segment(
        caller: Writer, recording_id: RecordingId, number: SegmentNumber, body: SegmentPatch
    ) -> SegmentRead:
        """Correct what was heard, or who speaks; what was heard is kept beside it."""
        return await recordings.correct(caller, recording_id, number, body)

    @routes.post("/v1/recordings/{recording_id}/rerun", operation_id="rerun_recording", status_code=202)
    async def rerun_recording(
        caller: Asker, recording_id: RecordingId, body: RerunAsk, response: Response
    ) -> ProcessRead:
        """Do a stage again, and those behind it."""
        accepted = await recordings.rerun(caller, recording_id, body)
        response.headers["location"] = f"/v1/status/{accepted.task_id}"
        return accepted

    @routes.get(
        "/v1/recordings/{recording_id}/export",
        operation_id="export_recording",
        response_class=Response,
        responses=_EXPORTED,
    )
    async def export_recording(
        caller: Reader,
        recording_id: RecordingId,
        form: Annotated[ExportForm, Query(alias="format", description="What it becomes.")] = "txt",
    ) -> Response:
        """One recording as a download."""
        return _sent(await recordings.export(caller, recording_id, form))

    return routes


def _sent(made: Export) -> Response:
    plain = made.filename.encode("ascii", "ignore").decode().lstrip(".") or "recording"
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(made.filename, safe='')}"
    headers = {
        "content-disposition": named,
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(made.body, media_type=made.content_type, headers=headers)
