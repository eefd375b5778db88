"""Answers that tell a generation: server-sent events out of the event stream, or the whole at its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from roundhouse.core.errors import Cancelled
from roundhouse.core.types import Caller
from roundhouse.features.chat.generating.model import DELTA, FAILED, ends_generation
from roundhouse.features.chat.generating.schemas import read_answer
from roundhouse.features.chat.generating.service import Generations
from roundhouse.features.chat.model import Generation
from roundhouse.infra.events.sse import EventStream
from roundhouse.infra.events.store import Event
from roundhouse.infra.events.tail import EventTail
from roundhouse.infra.web import CancelOnDisconnect, Message, Receive, Scope, Send

GENERATION_HEADER = "x-roundhouse-generation"
"""Tells the id of the generation, for `GET /v1/generations/{id}/events`."""

_EVENT_STREAM = {"cache-control": "no-cache", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}

Vanished = Callable[[], Awaitable[object]]


def vanishing(generations: Generations, caller: Caller, generation: Generation) -> Vanished | None:
    """What is to be done when the client that asked for a generation vanishes before its end."""
    if generation.on_disconnect == "finish":
        return None
    return lambda: generations.stop(caller, generation.id)


class GenerationStream(EventStream):
    """Events of a generation, from its beginning unless the client says from where on.

    Args:
        request: See `EventStream`.
        tail: Where events come from.
        generation: Visible to the caller.
        good: Whether the caller's credential is still good.
        vanished: Called when the client goes away before the last event.
        started: The generation's first event, where this process has just committed it.
    """

    def __init__(
        self,
        request: Request,
        tail: EventTail,
        generation: Generation,
        *,
        good: Callable[[], Awaitable[bool]] | None = None,
        vanished: Vanished | None = None,
        started: Event | None = None,
    ) -> None:
        super().__init__(
            request,
            tail,
            generation.id,
            generation.site_id,
            default_after=0,
            is_last=ends_generation,
            over=generation.state != "running",
            good=good,
            first=started,
        )
        self._vanished = vanished
        self.headers[GENERATION_HEADER] = generation.id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; raises ShuttingDown, StorageUnavailable before anything is sent."""
        whole = False

        async def noting(message: Message) -> None:
            nonlocal whole
            whole = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        await super().__call__(scope, receive, noting)
        if not whole and self._vanished is not None:
            await self._vanished()


class WholeAnswer(Response):
    """Waits for the end of a generation and answers with the message, `schemas.Answered`.

    Args:
        generations: The service.
        caller: Who asks.
        generation: Visible to the caller.
        vanished: Called when the client goes away before the end.
    """

    media_type = "application/json"

    def __init__(
        self, generations: Generations, caller: Caller, generation: Generation, vanished: Vanished | None
    ) -> None:
        super().__init__()
        self._generations = generations
        self._caller = caller
        self._generation = generation
        self._vanished = vanished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; raises NotFound, ShuttingDown, StorageUnavailable before anything is sent."""
        try:
            async with CancelOnDisconnect(scope, receive):
                message, generation = await self._generations.ended(self._caller, self._generation.id)
        except Cancelled:
            if self._vanished is not None:
                await self._vanished()
            return
        self.body = read_answer(message, generation).model_dump_json().encode()
        self.init_headers({GENERATION_HEADER: generation.id})
        await super().__call__(scope, receive, send)


class AddFinish(Response):
    """A generation as `event: add` and `event: finish`, each `{"session_id", "user_id", "data": {"content"}}`.

    What `add` events hold is the answer in parts; `finish` is the last event and holds none of it, but in `data` its
    `citations`, where it was made from documents. An answer that
    failed has `event: error` before it, with the error beside the same members.

    Args:
        tail: Where events come from.
        generation: Visible to the caller.
        session_id: As the client calls the session.
        user_id: As the client calls the user.
        started: See `GenerationStream`.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        tail: EventTail,
        generation: Generation,
        session_id: str,
        user_id: str | None,
        started: Event | None = None,
    ) -> None:
        self.status_code = 200
        self.background = None
        self._follower = tail.follow(generation.id, generation.site_id, 0, started)
        self._heartbeat_s = tail.heartbeat_s
        self._names = {"session_id": session_id, "user_id": user_id or ""}
        self.init_headers({**_EVENT_STREAM, GENERATION_HEADER: generation.id})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; raises ShuttingDown, StorageUnavailable before anything is sent."""
        async with self._follower as follower:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async with CancelOnDisconnect(scope, receive):
                    over = False
                    while not over and not follower.ended:
                        events = await follower.batch(self._heartbeat_s)
                        frames = b"".join([self._frame(event) for event in events]) or b":\n\n"
                        over = bool(events) and ends_generation(events[-1])
                        await send({"type": "http.response.body", "body": frames, "more_body": True})
            except Cancelled:
                return
            await send({"type": "http.response.body", "body": b""})

    def _frame(self, event: Event) -> bytes:
        if event.type == DELTA:
            return self._named("add", event.data["text"])
        if not ends_generation(event):
            return b""
        failed = self._named("error", "", error=event.data.get("error")) if event.type == FAILED else b""
        return failed + self._named("finish", "", citations=event.data.get("citations"))

    def _named(
        self, kind: str, content: str, *, citations: Sequence[object] | None = None, **more: object
    ) -> bytes:
        told: dict[str, object] = {"content": content}
        if citations:
            told["citations"] = citations
        data = msgspec.json.encode({**self._names, "data": told, **more})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
