"""The hot path: one lean ASGI endpoint per operation, dispatched before the router."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from roundhouse.core.errors import BadInput, Cancelled, NotAllowed, RoundhouseError
from roundhouse.core.ports import Authenticator
from roundhouse.core.types import Caller, Decision, Fields, ModelRequest, Operation, Usage
from roundhouse.core.wire import DONE, event, open_object, read
from roundhouse.engine.engine import Engine
from roundhouse.engine.metering import Meter
from roundhouse.engine.model import Running
from roundhouse.engine.patterns import matches
from roundhouse.features.gateway.media import MediaGuard
from roundhouse.infra.auth import TENANT_HEADERS
from roundhouse.infra.web import (
    CancelOnDisconnect,
    Headers,
    Receive,
    Scope,
    Send,
    error_object,
    read_body,
    send_problem,
    send_whole,
)

_STREAM_HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_TENANT_HEADERS = frozenset(TENANT_HEADERS)
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


class Desk:
    """What every endpoint of the hot path needs, built once.

    Args:
        engine: The door to the models.
        authenticator: Who calls.
        meter: Whether it may now, and what its call costs it.
        media: Guards URLs inside requests.
        max_body_bytes: Largest body.
        body_timeout_s: Longest pause in a body.
    """

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        meter: Meter,
        media: MediaGuard,
        max_body_bytes: int,
        body_timeout_s: float,
    ) -> None:
        self.engine = engine
        self.authenticator = authenticator
        self.gatekeeper = meter.gatekeeper
        self.meter = meter
        self.media = media
        self.max_body_bytes = max_body_bytes
        self.body_timeout_s = body_timeout_s
        self.in_flight = 0

    async def caller(self, scope: Scope, route: str) -> Caller:
        """Who calls, allowed to call `route`; raises NotSignedIn, NotAllowed."""
        headers = scope["header_map"]
        caller = None
        authorization = headers.get("authorization")
        if authorization is not None and _TENANT_HEADERS.isdisjoint(headers):
            caller = self.authenticator.recall(authorization.encode("latin-1"))
        if caller is None:
            caller = await self.authenticator.authenticate(scope["method"], scope["path"], headers)
        if not caller.may("inference"):
            raise NotAllowed("This key lacks the scope 'inference'.")
        if caller.routes and not matches(caller.routes, route):
            raise NotAllowed(f"This key may not call {route}.")
        return caller


class InferenceEndpoint:
    """One operation as an ASGI application.

    Args:
        desk: Its surroundings.
        operation: What is asked of the model.
        route: Path, for the permission of keys.
        adapter: Translates, when the API is not the operation's own.
    """

    def __init__(self, desk: Desk, operation: Operation, route: str, adapter: Adapter | None = None) -> None:
        self._desk = desk
        self._operation = operation
        self._route = route
        self._adapter = adapter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        call = _Call(self._desk, self._operation, scope, send)
        self._desk.in_flight += 1
        try:
            call.caller = await self._desk.caller(scope, self._route)
            body = await read_body(receive, self._desk.max_body_bytes, self._desk.body_timeout_s)
            asked = open_object(body)
            fields = self._adapter.request(asked) if self._adapter is not None else asked
            request = self._request(call, fields, scope["header_map"])
            await call.admit()
            async with CancelOnDisconnect(scope, receive):
                await self._desk.media.clean(request)
                if request.stream:
                    await call.stream(request, self._adapter, asked)
                else:
                    await call.answer(request, self._adapter, asked)
        except Cancelled as error:
            call.error = error
        except RoundhouseError as error:
            call.error = error
            if not call.started:
                await send_problem(send, error, call.request_id, call.headers())
        except BaseException:
            call.error = RoundhouseError()
            raise
        finally:
            self._desk.in_flight -= 1
            call.end()

    def _request(self, call: _Call, fields: Fields, headers: dict[str, str]) -> ModelRequest:
        model = read(fields, "model", str)
        if not model:
            raise BadInput("'model' is missing.", param="model")
        call.decision.requested = model
        name, starts = _REQUIRED[self._operation]
        given = memoryview(fields.get(name, b""))
        if not given or given[0] not in starts or bytes(given[:3]) == b"[]":
            raise BadInput(f"{name!r} is missing, empty or of the wrong type.", param=name)
        stream = bool(read(fields, "stream", bool)) and self._operation in ("chat", "completions")
        options = read(fields, "stream_options", StreamOptions) if stream else None
        control = headers.get("cache-control")
        return ModelRequest(
            operation=self._operation,
            model=model,
            fields=fields,
            caller=call.caller,
            stream=stream,
            include_usage=bool(options and options.include_usage),
            request_id=call.request_id,
            cache=_CACHE_MODES.get(control, "use") if control else "use",  # type: ignore[arg-type]  # a value of the table
        )


def _header_value(text: str) -> bytes:
    """Text as a header value; a model's name comes from its server and may hold anything, line breaks too."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return "".join(char if " " <= char <= "~" else "?" for char in text).encode()


_NOBODY = Caller(key_id="")


class _Call:
    """One request from admission to its usage record."""

    __slots__ = (
        "_admitted",
        "_desk",
        "_first_byte_s",
        "_operation",
        "_scope",
        "_send",
        "_started_s",
        "_stream",
        "_usage",
        "caller",
        "decision",
        "error",
        "request_id",
        "started",
    )

    def __init__(self, desk: Desk, operation: Operation, scope: Scope, send: Send) -> None:
        self._desk = desk
        self._operation = operation
        self._scope = scope
        self._send = send
        self._started_s = time.perf_counter()
        self._first_byte_s = 0.0
        self._usage = Usage()
        self._admitted = False
        self._stream = False
        self.caller = _NOBODY
        self.decision = Decision("")
        self.error: RoundhouseError | None = None
        self.request_id: str = scope["request_id"]
        self.started = False

    async def admit(self) -> None:
        """Take one request from the caller's limits; raises RateLimited, BudgetExceeded."""
        waiting = self._desk.gatekeeper.admit(self.caller)
        if waiting is not None:
            await waiting
        self._admitted = True

    async def answer(self, request: ModelRequest, adapter: Adapter | None, asked: Fields) -> None:
        """Answer with JSON."""
        answer = await self._desk.engine.answer(request, self.decision)
        self._usage = answer.usage
        self._first_byte_s = time.perf_counter()
        body = answer.body if adapter is None else adapter.answer(answer.body, asked)
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *self.headers(),
            (b"x-request-id", self.request_id.encode()),
        ]
        self.started = True
        await send_whole(self._scope, self._send, headers, body)

    async def stream(self, request: ModelRequest, adapter: Adapter | None, asked: Fields) -> None:
        """Answer with server-sent events; an error after the first becomes an event."""
        self._stream = True
        send = self._send
        running = await self._desk.engine.stream(request, self.decision)
        try:
            self._first_byte_s = time.perf_counter()
            headers = [*_STREAM_HEADERS, *self.headers(), (b"x-request-id", self.request_id.encode())]
            self.started = True
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            translated = None if adapter is None else adapter.stream(running, asked)
            last = DONE if translated is None else b""
            try:
                async for piece in running if translated is None else translated:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except Cancelled:
                raise
            except RoundhouseError as error:
                self.error = error
                last = (
                    event({"error": error_object(error)}) + DONE
                    if translated is None
                    else translated.failed(error)
                )
            await send({"type": "http.response.body", "body": last})
        finally:
            self._usage = running.usage
            await running.aclose()

    def headers(self) -> Headers:
        """The decision and what is left of the limits, for the client."""
        decision = self.decision
        left = self._desk.gatekeeper.headers(self.caller)
        if not decision.target and not decision.attempts:
            return left
        return [
            *left,
            (b"x-roundhouse-model", _header_value(decision.target)),
            (b"x-roundhouse-decision", _header_value(decision.reason)),
            (b"x-roundhouse-attempts", b"%d" % len(decision.attempts)),
            (b"x-roundhouse-cache", decision.cache.encode()),
        ]

    def end(self) -> None:
        """Count what was used; every request that had a caller leaves a record."""
        if not self.caller.key_id:
            return
        first_byte_s = self._first_byte_s - self._started_s if self._first_byte_s else None
        self._desk.meter.settle(
            self.caller,
            self.decision,
            self._usage,
            self.error,
            request_id=self.request_id,
            duration_s=time.perf_counter() - self._started_s,
            first_byte_s=first_byte_s,
            stream=self._stream,
            operation=self._operation,
            admitted=self._admitted,
        )
