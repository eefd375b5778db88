"""Routes of system B: a recording or a text comes in, its state is asked for."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from roundhouse.features.audio.routes.asking import Asker, IdempotencyKey, Reader, TaskId
from roundhouse.features.audio.schemas import ProcessRead, ProcessSeveral, StatusRead, TextAsk, process_body
from roundhouse.features.audio.service import ProcessService, RecordingService, Sent
from roundhouse.infra.web import body_pieces

PROCESS_PATH = "/v1/process"
"""Its body may be larger than a JSON body: `ProcessService.largest_body_bytes`."""


def processing_routes(
    processing: ProcessService, recordings: RecordingService, body_timeout_s: float
) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["recordings"])

    @routes.post(
        PROCESS_PATH,
        operation_id="process",
        status_code=202,
        response_model=ProcessSeveral | ProcessRead,
        openapi_extra={"requestBody": process_body()},
    )
    async def process(
        caller: Asker, request: Request, response: Response, idempotency_key: IdempotencyKey = None
    ) -> ProcessRead:
        """Take recordings in: files, such as were uploaded before, or addresses. They are kept before the answer.

        All are taken in, or none is.
        """
        sent = Sent(request.headers.get("content-type", ""), idempotency_key)
        accepted = await processing.process(caller, sent, body_pieces(request.receive, body_timeout_s))
        response.headers["location"] = f"/v1/status/{accepted.task_id}"
        return accepted

    @routes.post("/v1/process_text", operation_id="process_text", status_code=202)
    async def process_text(
        caller: Asker, body: TextAsk, response: Response, idempotency_key: IdempotencyKey = None
    ) -> ProcessRead:
        """Clean and summarise a text as if it had been said."""
        accepted = await processing.process_text(caller, body, idempotency_key)
        response.headers["location"] = f"/v1/status/{accepted.task_id}"
        return accepted

    @routes.get("/v1/status/{task_id}", operation_id="process_status")
    async def process_status(caller: Reader, task_id: TaskId) -> StatusRead:
        """How a recording goes, and what came of it so far."""
        return await recordings.status(caller, task_id)

    return routes
