"""Routes of answers in the making."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from roundhouse.core.errors import Unprocessable
from roundhouse.core.types import Caller
from roundhouse.features.chat.generating.following import GenerationStream, WholeAnswer, vanishing
from roundhouse.features.chat.generating.schemas import (
    Answered,
    Ask,
    GenerationList,
    GenerationRead,
    Wanted,
    read_generation,
)
from roundhouse.features.chat.generating.service import MOST_LISTED, Generations
from roundhouse.features.chat.model import Generation
from roundhouse.infra.auth import require, still_good
from roundhouse.infra.events.sse import going_on
from roundhouse.infra.events.tail import EventTail

Reader = Annotated[Caller, Depends(require("chats:read"))]
Writer = Annotated[Caller, Depends(require("chats:write"))]
ThingId = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="A second request with the same key is answered with the first one's generation.",
    ),
]

_EITHER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Answered,
        "description": "The answer at its end, or with `stream` its events as it is written.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_GONE: dict[int | str, dict[str, Any]] = {
    204: {"description": "There is nothing after `Last-Event-ID`, and nothing will come."}
}


Asker = Annotated[Caller, Depends(require("chats:write", "inference"))]


def router(generations: Generations, tail: EventTail) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["generations"])
    _ask_routes(routes, generations, tail)
    _go_on_routes(routes, generations, tail)
    _generation_routes(routes, generations, tail)
    _session_routes(routes, generations, tail)
    return routes


def _ask_routes(routes: APIRouter, generations: Generations, tail: EventTail) -> None:
    @routes.post(
        "/v1/sessions/{session_id}/messages", operation_id="ask", response_model=None, responses=_EITHER
    )
    async def ask(
        request: Request,
        caller: Asker,
        session_id: ThingId,
        asked: Ask,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Say something and have it answered. The answer belongs to the server: it is written whoever reads it."""
        _check(asked)
        how = asked.how(idempotency_key, request.scope.get("request_id", ""))
        _, generation = await generations.ask(caller, session_id, asked.question(), how)
        return _answer(request, generations, tail, caller, generation, stream=asked.stream)

    @routes.post(
        "/v1/messages/{message_id}/edit", operation_id="ask_otherwise", response_model=None, responses=_EITHER
    )
    async def ask_otherwise(
        request: Request,
        caller: Asker,
        message_id: ThingId,
        asked: Ask,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Say something else in the place of a message, on a new branch; what was said there stays."""
        _check(asked)
        how = asked.how(idempotency_key, request.scope.get("request_id", ""))
        _, generation = await generations.edit(caller, message_id, asked.question(), how)
        return _answer(request, generations, tail, caller, generation, stream=asked.stream)


def _go_on_routes(routes: APIRouter, generations: Generations, tail: EventTail) -> None:
    @routes.post(
        "/v1/messages/{message_id}/regenerate",
        operation_id="regenerate",
        response_model=None,
        responses=_EITHER,
    )
    async def regenerate(
        request: Request,
        caller: Asker,
        message_id: ThingId,
        wanted: Wanted | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Have the question answered anew, on a new branch; the old answer stays."""
        wanted = wanted or Wanted()
        how = wanted.how(idempotency_key, request.scope.get("request_id", ""))
        _, generation = await generations.regenerate(caller, message_id, how)
        return _answer(request, generations, tail, caller, generation, stream=wanted.stream)

    @routes.post(
        "/v1/messages/{message_id}/continue",
        operation_id="continue_answer",
        response_model=None,
        responses=_EITHER,
    )
    async def continue_answer(
        request: Request,
        caller: Asker,
        message_id: ThingId,
        wanted: Wanted | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Have an answer written on that was interrupted, stopped, failed, or cut for its length."""
        wanted = wanted or Wanted()
        how = wanted.how(idempotency_key, request.scope.get("request_id", ""))
        _, generation = await generations.resume(caller, message_id, how)
        return _answer(request, generations, tail, caller, generation, stream=wanted.stream)


def _generation_routes(routes: APIRouter, generations: Generations, tail: EventTail) -> None:
    @routes.get("/v1/generations/{generation_id}", operation_id="get_generation")
    async def get_generation(caller: Reader, generation_id: ThingId) -> GenerationRead:
        """One generation."""
        return read_generation(await generations.get(caller, generation_id))

    @routes.get(
        "/v1/generations/{generation_id}/events",
        operation_id="generation_events",
        status_code=200,
        response_class=GenerationStream,
        responses=_GONE,
        dependencies=[Depends(going_on)],
    )
    async def generation_events(request: Request, caller: Reader, generation_id: ThingId) -> GenerationStream:
        """What a model says, from the beginning, as server-sent events; ends with the answer."""
        generation = await generations.get(caller, generation_id)
        return GenerationStream(request, tail, generation, good=still_good(request, caller))

    @routes.post("/v1/generations/{generation_id}/stop", operation_id="stop_generation")
    async def stop_generation(caller: Writer, generation_id: ThingId) -> GenerationRead:
        """Have it end with what was said so far; what has ended stays as it is."""
        return read_generation(await generations.stop(caller, generation_id))


def _session_routes(routes: APIRouter, generations: Generations, tail: EventTail) -> None:
    @routes.get("/v1/sessions/{session_id}/generations", operation_id="list_generations")
    async def list_generations(
        caller: Reader,
        session_id: ThingId,
        running: Annotated[bool, Query(description="Only those that are being written now.")] = False,
    ) -> GenerationList:
        """Generations of a session, the newest first."""
        found = await generations.of_session(caller, session_id, running=running)
        return GenerationList(
            data=[read_generation(one) for one in found], has_more=len(found) == MOST_LISTED
        )

    @routes.get(
        "/v1/sessions/{session_id}/generations/{generation_id}", operation_id="get_session_generation"
    )
    async def get_session_generation(
        caller: Reader, session_id: ThingId, generation_id: ThingId
    ) -> GenerationRead:
        """One generation of a session."""
        return read_generation(await generations.get(caller, generation_id, session_id))

    @routes.get(
        "/v1/sessions/{session_id}/generations/{generation_id}/events",
        operation_id="session_generation_events",
        status_code=200,
        response_class=GenerationStream,
        responses=_GONE,
        dependencies=[Depends(going_on)],
    )
    async def session_generation_events(
        request: Request, caller: Reader, session_id: ThingId, generation_id: ThingId
    ) -> GenerationStream:
        """What a model says, from the beginning, as server-sent events; ends with the answer."""
        generation = await generations.get(caller, generation_id, session_id)
        return GenerationStream(request, tail, generation, good=still_good(request, caller))

    @routes.post(
        "/v1/sessions/{session_id}/generations/{generation_id}/stop", operation_id="stop_session_generation"
    )
    async def stop_session_generation(
        caller: Writer, session_id: ThingId, generation_id: ThingId
    ) -> GenerationRead:
        """Have it end with what was said so far; what has ended stays as it is."""
        return read_generation(await generations.stop(caller, generation_id, session_id))


def _check(asked: Ask) -> None:
    if asked.vector_store_ids:
        raise Unprocessable(
            "Vector stores are set on the session, with `PATCH /v1/sessions/{id}`.", param="vector_store_ids"
        )


def _answer(
    request: Request,
    generations: Generations,
    tail: EventTail,
    caller: Caller,
    generation: Generation,
    *,
    stream: bool,
) -> Response:
    vanished = vanishing(generations, caller, generation)
    if not stream:
        return WholeAnswer(generations, caller, generation, vanished)
    good = still_good(request, caller)
    started = generations.started(generation.id)
    return GenerationStream(request, tail, generation, good=good, vanished=vanished, started=started)
