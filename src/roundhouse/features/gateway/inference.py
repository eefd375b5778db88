"""The hot path: one lean ASGI endpoint per operation, dispatched before the router."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from roundhouse.core.errors import BadInput, Cancelled, RoundhouseError
from roundhouse.core.types import Fields, ModelRequest, Operation
from roundhouse.core.wire import DONE, event, open_object, read
from roundhouse.engine.model import Running
from roundhouse.features.gateway.call import Call, Desk, Endpoint
from roundhouse.infra.web import (
    CancelOnDisconnect,
    Headers,
    Receive,
    error_object,
    read_body,
    send_whole,
)

_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_CACHE_MODES = {"no-cache": "refresh", "no-store": "off"}
_REQUIRED: dict[Operation, tuple[str, bytes]] = {
    "chat": ("messages", b"["),
    "completions": ("prompt", b'["'),
    "embeddings": ("input", b'["{'),
    "rerank": ("documents", b"["),
}


class StreamOptions(msgspec.Struct):
    """`stream_options` of a request."""

    include_usage: bool | None = None


class Translated(Protocol):
    """A running answer in the form of another API."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The API's events to the end; raises what the running answer raises."""
        ...

    def failed(self, error: RoundhouseError) -> bytes:
        """The API's last events when that raised."""
        ...


class Adapter(Protocol):
    """Another API over an operation: translates the request and the answer."""

    def request(self, fields: Fields) -> Fields:
        """The operation's members; raises BadInput, NotSupported."""
        ...

    def answer(self, body: bytes, asked: Fields) -> bytes:
        """The API's whole answer."""
        ...

    def stream(self, running: Running, asked: Fields) -> Translated:
        """The API's events."""
        ...


class InferenceEndpoint(Endpoint):
    """One operation of JSON as an ASGI application.

    Args:
        desk: Its surroundings.
        operation: What is asked of the model.
        route: Path, for the permission of keys.
        adapter: Translates, when the API is not the operation's own.
    """

    def __init__(self, desk: Desk, operation: Operation, route: str, adapter: Adapter | None = None) -> None:
        super().__init__(desk, operation, route)
        self._adapter = adapter

    async def serve(self, call: Call, receive: Receive) -> None:
        """Answer with JSON or with events."""
        body = await read_body(receive, self.desk.max_body_bytes, self.desk.body_timeout_s)
        asked = open_object(body)
        fields = self._adapter.request(asked) if self._adapter is not None else asked
        request = self._request(call, fields, call.scope["header_map"])
        await call.admit()
        async with CancelOnDisconnect(call.scope, receive):
            await self.desk.media.clean(request)
            if request.stream:
                await _stream(call, request, self._adapter, asked)
            else:
                await _answer(call, request, self._adapter, asked)

    def _request(self, call: Call, fields: Fields, headers: dict[str, str]) -> ModelRequest:
        model = read(fields, "model", str)
        if not model:
            raise BadInput("'model' is missing.", param="model")
        call.decision.requested = model
        name, starts = _REQUIRED[self.operation]
        given = memoryview(fields.get(name, b""))
        if not given or given[0] not in starts or bytes(given[:3]) == b"[]":
            raise BadInput(f"{name!r} is missing, empty or of the wrong type.", param=name)
        stream = bool(read(fields, "stream", bool)) and self.operation in ("chat", "completions")
        options = read(fields, "stream_options", StreamOptions) if stream else None
        control = headers.get("cache-control")
        return ModelRequest(
            operation=self.operation,
            model=model,
            fields=fields,
            caller=call.caller,
            stream=stream,
            include_usage=bool(options and options.include_usage),
            request_id=call.request_id,
            cache=_CACHE_MODES.get(control, "use") if control else "use",  # type: ignore[arg-type]  # a value of the table
        )


async def _answer(call: Call, request: ModelRequest, adapter: Adapter | None, asked: Fields) -> None:
    """Answer with JSON."""
    answer = await call.desk.engine.answer(request, call.decision)
    call.usage = answer.usage
    call.first_byte_s = time.perf_counter()
    body = answer.body if adapter is None else adapter.answer(answer.body, asked)
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *call.headers(),
        (b"x-request-id", call.request_id.encode()),
    ]
    call.started = True
    await send_whole(call.scope, call.send, headers, body)


async def _stream(call: Call, request: ModelRequest, adapter: Adapter | None, asked: Fields) -> None:
    """Answer with server-sent events; an error after the first becomes an event."""
    call.is_stream = True
    send = call.send
    running = await call.desk.engine.stream(request, call.decision)
    try:
        call.first_byte_s = time.perf_counter()
        headers = [*_STREAM_HEADERS, *call.headers(), (b"x-request-id", call.request_id.encode())]
        call.started = True
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        translated = None if adapter is None else adapter.stream(running, asked)
        last = DONE if translated is None else b""
        try:
            async for piece in running if translated is None else translated:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except Cancelled:
            raise
        except RoundhouseError as error:
            call.error = error
            last = (
                event({"error": error_object(error)}) + DONE
                if translated is None
                else translated.failed(error)
            )
        await send({"type": "http.response.body", "body": last})
    finally:
        call.usage = running.usage
        await running.aclose()
