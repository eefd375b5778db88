"""One connection of the listening server: uvicorn's, with the limits that it lacks.

A client gets a fixed time for complete headers, a longest pause in a body and in taking an answer, and bounds on
the size and number of headers. One sweep per server looks at all connections; no connection has a timer.
Only paths that are WebSockets are upgraded (`socket_protocol.py`); elsewhere the wish is not seen.

Source:
    RFC 9110, sections 15.5.9 and 15.6.4 (2022): 408 and 503. RFC 9112 (2022): section 3.2.2, a target with a host;
    section 9.6, closing without a reset. RFC 9110, section 7.8: a server may ignore Upgrade.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from roundhouse.core.errors import BadInput, Busy, RequestTimeout, RoundhouseError, TooLarge
from roundhouse.core.ids import new_id
from roundhouse.core.settings import ServerSettings
from roundhouse.infra.connection import ClientWatch
from roundhouse.infra.web import CONNECTION, Headers, Scope, problem

HEAD_BYTES = 64 * 1024
"""Most that a request's line and headers may measure."""

HEAD_COUNT = 128
"""Most headers of a request."""

_OK = b"HTTP/1.1 200 OK\r\n"
_PIPELINED = 16
_SOCKET_KIND = b"websocket"
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)
_AUTHORITY_END = re.compile(rb"[/?#]")
_LINGER_S = 2.0
_LINGERING = 256


# What of a request is on its way in. Plain numbers: they are looked at for every header.
_NOTHING, _HEAD, _BODY = range(3)


class Sweep:
    """Looks at every connection of one server, often enough for its shortest limit.

    Args:
        settings: The limits.
        sockets: Paths that are WebSockets.
    """

    def __init__(self, settings: ServerSettings, sockets: Collection[str] = ()) -> None:
        self.settings = settings
        paths = b"|".join(re.escape(path.encode()) for path in sockets)
        self.socket_url = (
            re.compile(rb"(?:G?E?T? )?(?:%s)(?:[? ].*)?" % paths, re.DOTALL) if sockets else None
        )
        self.turned_away: set[GuardedProtocol] = set()
        shortest_s = min(settings.header_timeout_s, settings.body_timeout_s, settings.keep_alive_s)
        self._tick_s = max(0.02, min(1.0, shortest_s / 8))
        self._timer: asyncio.TimerHandle | None = None
        self._connections: set[Any] = set()

    def start(self, connections: set[Any]) -> None:
        """Begin; `connections` is the server's own set."""
        self._connections = connections
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._look)

    def stop(self) -> None:
        """End, and close what was turned away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in tuple(self.turned_away):
            connection.transport.abort()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for connection in (*self._connections, *self.turned_away):
            connection.expire(now_s)
        self._timer = loop.call_later(self._tick_s, self._look)


class GuardedProtocol(ClientWatch, HttpToolsProtocol):
    """uvicorn's connection with limits; it is also the `roundhouse.connection` extension of its requests.

    Args:
        sweep: Of the server.
        parts: What uvicorn hands to its own class.
    """

    def __init__(self, sweep: Sweep, **parts: Any) -> None:
        super().__init__(**parts)
        self.access_log = False
        self._sweep = sweep
        self._limits = sweep.settings
        self._extensions = {CONNECTION: self}
        self._is_turned_away = False
        self._refusal: RoundhouseError | None = None
        self._incoming = _NOTHING
        self._since_s = 0.0
        self._answered_at_s = 0.0
        self._idle_limit_s = self._limits.header_timeout_s
        self._quiet_bytes = 0
        self._chunk_bytes = 0

    def answer(self, scope: Scope, headers: Headers, body: bytes) -> bool:
        """Answer the running request with 200 in one write; False = it must be sent the ordinary way.

        Args:
            scope: Of the request.
            headers: Safe to send, `content-length` among them.
            body: The whole body.
        """
        cycle = self.cycle
        ordinary = cycle.disconnected or cycle.response_started or not cycle.keep_alive
        if ordinary or cycle.scope is not scope or self.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        lines = [_OK, *(b"%b: %b\r\n" % line for line in self.server_state.default_headers)]
        lines += [b"%b: %b\r\n" % line for line in headers]
        self.transport.write(b"".join((*lines, b"\r\n", body)))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def expire(self, now_s: float) -> None:
        """Called by the sweep: close the connection if one of its limits has passed."""
        if self.transport.is_closing():
            return
        since_s = now_s - self._since_s
        if self._is_turned_away:
            if since_s >= _LINGER_S:
                self.transport.abort()
        elif self._is_stuck(now_s):
            self.transport.abort()
        elif self._incoming == _HEAD:
            if since_s >= self._limits.header_timeout_s:
                self._refuse(RequestTimeout("The request's headers did not arrive in time."))
        elif self._incoming == _BODY:
            self._expire_body(now_s)
        elif self._is_idle() and since_s >= self._idle_limit_s:
            self.transport.close()

    def _expire_body(self, now_s: float) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            # Refused before its end: what still comes is thrown away, but not for ever.
            if now_s - self._answered_at_s >= _LINGER_S:
                self.transport.abort()
        elif self.flow.read_paused or cycle.waiting_for_100_continue:
            # The client waits for us, not we for the client.
            self._since_s = now_s
        elif now_s - self._since_s >= self._limits.body_timeout_s:
            self._refuse(RequestTimeout("The request's body did not arrive in time."))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away when there are too many."""
        stream = cast(asyncio.Transport, transport)
        self._since_s = self.loop.time()
        if len(self.connections) < self._limits.max_connections:
            super().connection_made(stream)
            return
        self._is_turned_away = True
        self.transport = stream
        self._sweep.turned_away.add(self)
        if len(self._sweep.turned_away) > _LINGERING:
            stream.abort()
            return
        error = Busy("Too many connections.", retry_after_s=1)
        error.status = HTTPStatus.SERVICE_UNAVAILABLE
        stream.write(_render(error))
        # The client's request is read and thrown away: closing now would reset the connection under the answer.
        if stream.can_write_eof():
            stream.write_eof()

    def data_received(self, data: bytes) -> None:
        """Parse, and count what is neither a complete head nor a body."""
        if self._is_turned_away:
            return
        wished = self._incoming != _BODY and (b"pgrade" in data or b"PGRADE" in data)
        begun = self.url if self._incoming == _HEAD else b""
        # The path may be whole, or go on in what came now.
        if wished and not (self._is_socket(begun) or self._is_socket(begun + data)):
            data = _without_upgrade(data)
        self._chunk_bytes = len(data)
        self._quiet_bytes += self._chunk_bytes
        super().data_received(data)
        if self._quiet_bytes > HEAD_BYTES and self._incoming != _NOTHING:
            self._refuse(TooLarge(f"The request's headers are larger than {HEAD_BYTES} bytes."))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is not lingering any more."""
        self._sweep.turned_away.discard(self)
        super().connection_lost(exc)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if len(self.pipeline) >= _PIPELINED:
            self._wrong(BadInput("Too many requests without waiting for an answer."))
        self._incoming = _HEAD
        self._since_s = self.loop.time()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; one behind the body (a trailer) is left out, it could pass for a checked one."""
        if self._incoming == _HEAD:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The request starts, if its head is not too large."""
        if len(self.headers) > HEAD_COUNT:
            self._wrong(TooLarge(f"The request has more than {HEAD_COUNT} headers."))
        # Only when so much has come at all is it worth to add up what of it was the head.
        if max(self._quiet_bytes, self._chunk_bytes) > HEAD_BYTES:
            size_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size_bytes > HEAD_BYTES:
                self._wrong(TooLarge(f"The request's headers are larger than {HEAD_BYTES} bytes."))
        if self.url[:1] != b"/":
            self._check_target()
        self._incoming = _BODY
        self._since_s = self.loop.time()
        self._quiet_bytes = 0
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # of ours
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._since_s = self.loop.time()
        self._quiet_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is all here."""
        self._incoming = _NOTHING
        self._quiet_bytes = 0
        super().on_message_complete()

    # What uvicorn calls.

    def on_response_complete(self) -> None:
        """Go on with the next request; the wait for it is watched by the sweep instead of a timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._incoming == _NOTHING:
            self._since_s = self.loop.time()
            self._idle_limit_s = self._limits.keep_alive_s
        else:
            self._answered_at_s = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, in the form of all errors."""
        self._refuse(self._refusal or BadInput("The request is not valid HTTP."))

    def _is_socket(self, url: bytes) -> bool:
        """Whether a request, whose path or beginning is given, is for a WebSocket."""
        pattern = self._sweep.socket_url
        return pattern is not None and pattern.fullmatch(url) is not None

    def _should_upgrade(self) -> bool:
        # Not behind an answer that is still to come: it would be mixed up with the socket's bytes.
        wanted = self._is_idle() and self._is_socket(self.url)
        return wanted and (self._get_upgrade() or b"").lower() == _SOCKET_KIND

    def _check_target(self) -> None:
        """A target is a path; with a host in it (as proxies are asked) it must name that of the Host header."""
        _, separator, rest = self.url.partition(b"://")
        named = _AUTHORITY_END.split(rest, maxsplit=1)[0]
        hosts = [value for name, value in self.headers if name == b"host"]
        if not separator or [named.lower()] != [host.lower() for host in hosts]:
            self._wrong(BadInput("The request's target names another host than its Host header."))

    def _is_idle(self) -> bool:
        return self.cycle is None or (self.cycle.response_complete and not self.pipeline)

    def _wrong(self, error: RoundhouseError) -> None:
        """Stop the parser; `send_400_response` then says why."""
        self._refusal = error
        raise ValueError(error.detail)

    def _refuse(self, error: RoundhouseError) -> None:
        """Answer with an error where an answer is due, and close."""
        cycle = self.cycle
        if not self._is_idle():
            # The request that runs is the refused one, or an earlier one whose answer must not be mixed up.
            own = self._incoming == _BODY and not self.pipeline and not cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            self.pipeline.clear()
            if not own:
                self.transport.abort()
                return
        if not self.transport.is_closing():
            self.transport.write(_render(error))
            self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """Leave out the wish for another protocol, which a server may ignore: the parser would drop the body with it.

    Java's client asks for HTTP/2 so with every first request.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"", head) + end + rest


def _render(error: RoundhouseError) -> bytes:
    """A whole answer, for where no application has run yet."""
    status, headers, body = problem(error, new_id("req"))
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"connection: close", b"", body])
