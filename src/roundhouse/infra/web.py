"""The web edge: request ids, bodies, problem answers, and the front that stands before all rooms.

Only here (and in the job runner) are errors caught. Everything is plain ASGI; a middleware that wraps every
request costs more than the routing itself.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from roundhouse.core.errors import (
    BadInput,
    Cancelled,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
    RoundhouseError,
    TooLarge,
    UnsupportedMedia,
)
from roundhouse.core.settings import ServerSettings
from roundhouse.infra.hosts import HostRules
from roundhouse.infra.moments import moment
from roundhouse.infra.telemetry.logs import REQUEST_ID

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CONNECTION = "roundhouse.connection"
"""ASGI extension of our server, the connection itself: `watch` tells when it is lost, `answer` answers at once."""

FAULT_CLOSE = 1011
"""Code with which a socket ends that met a fault of ours."""

# Of these a second one could be read by a proxy, or by another part of ours, in place of the first.
_ONCE = frozenset(
    {
        b"host",
        b"origin",
        b"cookie",
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"content-type",
        b"content-encoding",
        b"x-site-id",
        b"x-user-id",
        b"x-app-id",
        b"x-scopes",
        b"x-timestamp",
        b"x-signature",
    }
)
_JSON_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class RequestIds:
    """Makes request ids that are unique across processes: a random start and a counter."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(6)
        self._count = 0

    def next(self) -> str:
        """The next id, `req_…`."""
        self._count += 1
        return f"req_{self._start}{self._count:08x}"


class ProblemBody(NamedTuple):
    """A rendered error: status, headers, JSON body."""

    status: int
    headers: Headers
    body: bytes


def error_object(error: RoundhouseError) -> dict[str, Any]:
    """OpenAI's `error` object: the same in JSON answers, streams, job rows and traces."""
    return {"message": error.detail, "type": error.kind, "param": error.param, "code": error.code}


def problem(error: RoundhouseError, request_id: str) -> ProblemBody:
    """Render an error for both kinds of reader: RFC 9457 with OpenAI's object inside.

    Source:
        RFC 9457 (2023). `x-should-retry` is obeyed by the official OpenAI clients.
    """
    members: dict[str, Any] = {
        "type": f"urn:roundhouse:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request_id,
        "error": error_object(error),
    }
    if error.resets_at_s is not None:
        members["resets_at"] = moment(error.resets_at_s)
    body = msgspec.json.encode(members)
    headers: Headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-should-retry", b"true" if error.retryable else b"false"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after_s))).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    headers += [(name.encode(), value.encode()) for name, value in error.headers]
    return ProblemBody(error.status, headers, body)


async def send_problem(
    send: Send, error: RoundhouseError, request_id: str, extra: Headers | None = None
) -> None:
    """Answer with an error."""
    status, headers, body = problem(error, request_id)
    await send({"type": "http.response.start", "status": status, "headers": headers + (extra or [])})
    await send({"type": "http.response.body", "body": body})


async def send_whole(scope: Scope, send: Send, headers: Headers, body: bytes) -> None:
    """Answer 200 with a whole body; under our own server in one write, past its checks of every header.

    Args:
        scope: Of the request.
        send: Of the request.
        headers: `content-length` among them; names in lower case, all safe to send.
        body: The whole body.
    """
    connection = (scope.get("extensions") or {}).get(CONNECTION)
    if connection is not None and connection.answer(scope, headers, body):
        return
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive, limit_bytes: int, pause_s: float) -> bytes:
    """The whole request body.

    Args:
        receive: Of the request.
        limit_bytes: Largest body taken.
        pause_s: Longest wait for the next part.

    Raises:
        TooLarge: Over the limit.
        RequestTimeout: The client paused too long.
        Cancelled: The client went away.
    """
    message = await receive()
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit_bytes:
            raise TooLarge(f"The body is larger than {limit_bytes} bytes.")
        return _checked(message, body)
    parts: list[bytes] = []
    size_bytes = 0
    while True:
        part = message.get("body", b"")
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise TooLarge(f"The body is larger than {limit_bytes} bytes.")
        parts.append(part)
        if not message.get("more_body"):
            return _checked(message, b"".join(parts))
        try:
            async with asyncio.timeout(pause_s):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout("The request's body did not arrive in time.") from None


async def body_pieces(receive: Receive, pause_s: float) -> AsyncIterator[bytes]:
    """The request body as it arrives, for what is too large to be held; its size is the front's business.

    Args:
        receive: Of the request.
        pause_s: Longest wait for the next part.

    Raises:
        TooLarge: Over the limit of the path.
        RequestTimeout: The client paused too long.
        Cancelled: The client went away.
    """
    more = True
    while more:
        try:
            async with asyncio.timeout(pause_s):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout("The request's body did not arrive in time.") from None
        yield _checked(message, message.get("body", b""))
        more = message.get("more_body", False)


def _checked(message: Message, body: bytes) -> bytes:
    if message["type"] == "http.disconnect":
        raise Cancelled("The client went away.")
    return body


class CancelOnDisconnect:
    """Cancels the work inside when the client's connection is lost; it then ends with Cancelled.

    Under our own server the connection itself does it, at no cost; under another one a task waits for the
    disconnect message. An asynchronous context manager, used once.

    Args:
        scope: Of the request.
        receive: Of the request, its body read.
    """

    __slots__ = ("_gone", "_hook", "_receive", "_task", "_watcher")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._hook = (scope.get("extensions") or {}).get(CONNECTION)
        self._receive = receive
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    async def __aenter__(self) -> None:
        """Begin to watch."""
        self._task = asyncio.current_task()
        if self._hook is not None:
            self._hook.watch(self._lost)
        else:
            self._watcher = asyncio.create_task(_watch(self._receive, self._lost))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching.

        Raises:
            Cancelled: The client went away.
        """
        if self._hook is not None:
            self._hook.watch(None)
        elif self._watcher is not None:
            self._watcher.cancel()
        ours = self._gone and isinstance(error, asyncio.CancelledError)
        # Somebody else may have cancelled as well (a stop of the server): that must go on.
        if ours and self._task is not None and self._task.uncancel() == 0:
            raise Cancelled("The client went away.") from None

    def _lost(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()


async def _watch(receive: Receive, lost: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    lost()


def headers_of(scope: Scope) -> dict[str, str]:
    """Header values by lower-case name; of repeated names the last one.

    Raises:
        BadInput: A header that says who asks, or what, stands there twice.
    """
    sent = scope["headers"]
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
    if len(found) != len(sent):
        names = [name for name, _ in sent]
        twice = next((name for name in names if name in _ONCE and names.count(name) > 1), None)
        if twice is not None:
            raise BadInput(f"The header {twice.decode()} stands there twice.", param=twice.decode())
    return found


class Front:
    """Stands before the rooms: hot paths go straight to their endpoint, all else to the framework.

    `/api/v1/…` is `/v1/…`. A JSON body labelled as a form (as `curl -d` does) is taken for JSON.

    Args:
        rooms: The framework's application.
        hot: Lean endpoints by path.
        settings: Of the server.
        request_ids: Makes the ids.
        fault: Told of every unexpected exception with its request id.
        large: Paths whose bodies may be larger than a JSON body, and how large.
        sockets: Endpoints of WebSockets by path.
    """

    def __init__(
        self,
        rooms: App,
        hot: Mapping[str, App],
        settings: ServerSettings,
        request_ids: RequestIds,
        fault: Callable[[BaseException, str], None],
        large: Mapping[str, int] | None = None,
        sockets: Mapping[str, App] | None = None,
    ) -> None:
        self._rooms = rooms
        self._hot = dict(hot)
        self._sockets = dict(sockets or {})
        self._rules = HostRules(settings)
        self._limit_bytes = settings.max_body_bytes
        self._large = dict(large or {})
        self._pause_s = settings.body_timeout_s
        self._request_ids = request_ids
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._rooms(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["request_id"] = self._request_ids.next()
        REQUEST_ID.set(request_id)
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            headers = scope["header_map"] = headers_of(scope)
            self._rules.check(headers)
            _without_prefix(scope)
            limit_bytes = self._large.get(scope["path"], self._limit_bytes)
            _check_body(headers, limit_bytes)
            hot = self._hot.get(scope["path"])
            if scope["path"] in self._sockets:
                error: RoundhouseError = BadInput(
                    "This path is a WebSocket, and the request no upgrade to one."
                )
                await send_problem(send, error, request_id)
            elif hot is None:
                await self._rooms(scope, self._prepare(scope, headers, receive, limit_bytes), noting)
            elif scope["method"] == "POST":
                await hot(scope, receive, send)
            else:
                error = MethodNotAllowed("This path takes POST only.")
                await send_problem(send, error, request_id, [(b"allow", b"POST")])
        except RoundhouseError as error:
            if not started:
                await send_problem(send, error, request_id)
        except Exception as error:  # noqa: BLE001 - the edge: a fault of ours is logged and answered, not leaked
            self._fault(error, request_id)
            if not started:
                await send_problem(send, RoundhouseError(f"Internal error {request_id}."), request_id)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; what is raised before it is accepted is answered as to any request."""
        request_id = scope["request_id"] = self._request_ids.next()
        REQUEST_ID.set(request_id)
        accepted = False

        async def noting(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            scope["method"] = "GET"
            headers = scope["header_map"] = headers_of(scope)
            self._rules.check_socket(headers)
            _without_prefix(scope)
            await self._sockets.get(scope["path"], self._rooms)(scope, receive, noting)
        except RoundhouseError as error:
            if not accepted:
                await _refuse(send, error, request_id)
        except Exception as error:  # noqa: BLE001 - the edge, as above
            self._fault(error, request_id)
            if accepted:
                await send({"type": "websocket.close", "code": FAULT_CLOSE, "reason": request_id})
            else:
                await _refuse(send, RoundhouseError(f"Internal error {request_id}."), request_id)

    def _prepare(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive, limit_bytes: int
    ) -> Receive:
        """Make a request such that the framework does not misread it; returns what it may receive."""
        if "\n" in scope["path"]:
            # Its patterns take a line feed at the end for the end.
            raise NotFound("There is nothing at a path with a line feed.")
        if scope["method"] not in _JSON_METHODS:
            return receive
        kind = headers.get("content-type", "")
        if not kind or kind.startswith("application/x-www-form-urlencoded"):
            rest = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            scope["headers"] = [*rest, (b"content-type", b"application/json")]
        return _Limited(receive, limit_bytes)


def _without_prefix(scope: Scope) -> None:
    if scope["path"].startswith("/api/v1/"):
        scope["path"] = scope["path"][4:]
        scope["raw_path"] = scope.get("raw_path", b"")[4:]


async def _refuse(send: Send, error: RoundhouseError, request_id: str) -> None:
    """Answer the wish for a WebSocket with an error."""
    status, headers, body = problem(error, request_id)
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _check_body(headers: Mapping[str, str], limit_bytes: int) -> None:
    """Refuse by its headers a body that would be refused anyway, before any of it is read."""
    length = headers.get("content-length")
    if length is not None and int(length) > limit_bytes:
        raise TooLarge(f"The body is larger than {limit_bytes} bytes.")
    if headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("Send the body as it is, without Content-Encoding.")
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise UnsupportedMedia("Of the transfer encodings only 'chunked' is taken.")


class _Limited:
    """Counts the body as the rooms receive it."""

    def __init__(self, receive: Receive, limit_bytes: int) -> None:
        self._receive = receive
        self._room_bytes = limit_bytes
        self._limit_bytes = limit_bytes

    async def __call__(self) -> Message:
        message = await self._receive()
        self._room_bytes -= len(message.get("body", b""))
        if self._room_bytes < 0:
            raise TooLarge(f"The body is larger than {self._limit_bytes} bytes.")
        return message
