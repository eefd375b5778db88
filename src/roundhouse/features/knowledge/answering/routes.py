"""The route of answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from roundhouse.core.ids import new_id
from roundhouse.core.types import Caller
from roundhouse.features.knowledge.answering.schemas import AnswerRead, AskCreate
from roundhouse.features.knowledge.answering.service import AskService
from roundhouse.features.knowledge.answering.shapes import read_answer
from roundhouse.features.knowledge.answering.streaming import AnswerStream
from roundhouse.infra.auth import require
from roundhouse.infra.web import CancelOnDisconnect

Asker = Annotated[Caller, Depends(require("knowledge:read", "inference"))]
StoreId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream`, events `add` with its parts and `finish` with the whole.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


def router(asking: AskService) -> APIRouter:
    """The room's route for questions."""
    routes = APIRouter(tags=["vector stores"])

    @routes.post(
        "/v1/vector_stores/{vector_store_id}/ask",
        operation_id="ask_vector_store",
        response_model=AnswerRead,
        responses=_RESPONSES,
    )
    async def ask(
        request: Request, caller: Asker, vector_store_id: StoreId, body: AskCreate
    ) -> AnswerRead | Response:
        """Ask the documents of a store: an answer with citations, or that they do not say."""
        request_id = request.scope.get("request_id", "") or new_id("req")
        if body.stream:
            return AnswerStream(await asking.begin(caller, vector_store_id, body.asked(), request_id))
        async with CancelOnDisconnect(request.scope, request.receive):
            return read_answer(await asking.ask(caller, vector_store_id, body.asked(), request_id))

    return routes
