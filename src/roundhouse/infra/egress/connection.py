"""One HTTP/1.1 connection of the lean client.

It is protocol and parser callback in one. It makes no task, timer or lock per request: time limits are
looked at by the client's sweep, and all that one socket read brings wakes the reader once.

Source:
    RFC 9112, sections 6 and 9 (2022): length of a message, persistence.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from typing import Protocol, cast

import httptools

from roundhouse.core.errors import BackendBadAnswer, BackendFailed, BackendTimeout
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.dialling import KEEP_IDLE_S
from roundhouse.infra.egress.response import LeanResponse

HEAD_BYTES = 64 * 1024
"""Most that may arrive without a byte of body: bounds headers, trailers and framing."""

_JOIN_BYTES = 64 * 1024
_GATHERED_BYTES = 16 * 1024
_LEAST_READABLE = getattr(socket, "SO_RCVLOWAT", None) if sys.platform == "linux" else None
_TOLD_HEADERS = frozenset(map(len, ("keep-alive", "content-length", "content-encoding", "transfer-encoding")))
_KEEP_ALIVE_TIMEOUT = re.compile(rb"timeout=(\d{1,6})")


class StaleConnectionError(Exception):
    """The server closed a connection that was used before, before any byte of this answer."""


class Owner(Protocol):
    """The pool a connection belongs to."""

    def release(self, connection: Connection) -> None:
        """The answer is complete and the connection may be used again."""
        ...

    def lost(self, connection: Connection) -> None:
        """The connection is closed; told once."""
        ...


class Connection(asyncio.Protocol):
    """One connection, at most one request at a time.

    Args:
        owner: Its pool.
        origin: Server, for messages.
        loop: The running loop.

    Attributes:
        used: Whether a whole answer came over it before.
        idle_until_s: Loop time after which it is not used again.
        tick_s: How often the sweep should look at it.
    """

    __slots__ = (
        "_begun",
        "_done",
        "_ends_at_s",
        "_gathers",
        "_head_waiter",
        "_interim",
        "_keep_alive",
        "_keep_idle_s",
        "_last_at_s",
        "_limits",
        "_loop",
        "_lost",
        "_no_body",
        "_origin",
        "_owner",
        "_parser",
        "_paused",
        "_pouring",
        "_quiet_bytes",
        "_response",
        "_room",
        "_sized",
        "_told",
        "_transport",
        "_wrong",
        "idle_until_s",
        "tick_s",
        "used",
    )

    def __init__(self, owner: Owner, origin: str, loop: asyncio.AbstractEventLoop) -> None:
        self.used = False
        self.idle_until_s = 0.0
        self.tick_s = 0.5
        self._owner = owner
        self._origin = origin
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._lost = False
        self._told = True
        self._paused = False
        self._gathers = False
        self._keep_idle_s = KEEP_IDLE_S
        self._parser: httptools.HttpResponseParser | None = None
        self._response: LeanResponse | None = None
        self._head_waiter: asyncio.Future[LeanResponse] | None = None
        self._limits = Timeouts()
        self._ends_at_s = 0.0
        self._last_at_s = 0.0
        self._room = asyncio.Event()
        self._room.set()
        self._reset()

    def _reset(self) -> None:
        self._begun = False
        self._done = False
        self._interim = False
        self._keep_alive = False
        self._no_body = False
        self._sized = False
        self._wrong = ""
        self._quiet_bytes = 0
        self._pouring = False

    # What the client calls.

    def adopt(self) -> None:
        """From now on the owner is told of the end; raises ConnectionResetError when it has come already."""
        if not self.is_open:
            raise ConnectionResetError
        self._told = False

    @property
    def is_open(self) -> bool:
        """Whether a request can be written."""
        return not self._lost and self._transport is not None and not self._transport.is_closing()

    def exchange(
        self, head: bytes, body: bytes, limits: Timeouts, ends_at_s: float, *, no_body: bool
    ) -> asyncio.Future[LeanResponse]:
        """Write one request; the future has the response when its headers are there.

        Args:
            head: Request line and headers with the blank line.
            body: Request body.
            limits: Time limits.
            ends_at_s: Loop time at which the whole call ends.
            no_body: Whether the answer has no body whatever its headers say (HEAD).
        """
        self._reset()
        self._no_body = no_body
        self._parser = httptools.HttpResponseParser(self)
        self._response = LeanResponse(self, self._origin)
        self._limits = limits
        self._ends_at_s = ends_at_s
        self._last_at_s = self._loop.time()
        future: asyncio.Future[LeanResponse] = self._loop.create_future()
        self._head_waiter = future
        transport = self._transport
        if transport is None or self._lost:
            self._fail(BackendFailed(f"The connection to {self._origin} was lost."))
        elif len(body) > _JOIN_BYTES:
            transport.write(head)
            transport.write(body)
        else:
            transport.write(head + body)
        return future

    async def pour(self, pieces: AsyncIterator[bytes]) -> None:
        """Write the body of the request under way, as fast as the server takes it.

        It ends early when the server has answered, or the connection is lost: the future of `exchange` tells which.
        """
        waiter, self._pouring = self._head_waiter, True
        async for piece in pieces:
            if waiter is None or waiter.done() or self._transport is None:
                # Whoever asks next must not be taken for the rest of this body.
                return
            # As long as it takes some, it is alive.
            self._last_at_s = self._loop.time()
            self._transport.write(piece)
            await self._room.wait()
        self._pouring = False

    def pause_writing(self) -> None:
        """The server does not take more."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    def expire(self, now_s: float) -> None:
        """Called by the sweep: end the call if one of its limits has passed."""
        if self._response is None:
            return
        if now_s >= self._ends_at_s:
            self._fail(BackendTimeout(f"The answer of {self._origin} was not complete in time."))
        elif self._head_waiter is not None:
            if now_s - self._last_at_s >= self._limits.first_byte_s:
                self._fail(BackendTimeout(f"{self._origin} did not begin to answer in time."))
        elif not self._paused and now_s - self._last_at_s >= self._limits.idle_s:
            self._fail(BackendTimeout(f"The answer of {self._origin} did not go on in time."))

    def resume(self) -> None:
        """The reader has room again."""
        if self._paused:
            self._paused = False
            self._last_at_s = self._loop.time()
            if self._transport is not None:
                self._transport.resume_reading()

    def gather(self, on: bool) -> None:
        """Whether what arrives may lie in the kernel until it is 16 KiB or the end; without Linux it never does."""
        if _LEAST_READABLE is None or on is self._gathers or self._transport is None:
            return
        self._gathers = on
        lying = self._transport.get_extra_info("socket")
        lying.setsockopt(socket.SOL_SOCKET, _LEAST_READABLE, _GATHERED_BYTES if on else 1)

    def abort(self) -> None:
        """Close at once, whatever is going on."""
        self._response = None
        self._head_waiter = None
        self._parser = None
        if self._transport is not None:
            self._transport.abort()
        self._tell_lost()

    def give_up(self) -> None:
        """Close because the client closes; a running call is told."""
        self._fail(BackendFailed(f"The connection to {self._origin} was closed from this side."))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse, then wake whoever waits, once."""
        response = self._response
        parser = self._parser
        waiter = self._head_waiter
        if response is None or parser is None or (waiter is not None and waiter.cancelled()):
            # Nothing was asked, or nobody waits any more: it must not become the answer to the next request.
            self.abort()
            return
        if self._begun:
            self._last_at_s = self._loop.time()
        self._quiet_bytes += len(data)
        try:
            parser.feed_data(data)
            clean = True
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            clean = False
        if self._done and not self._wrong:
            self._finish(response, clean)
        elif self._wrong or not clean or self._quiet_bytes > HEAD_BYTES:
            self._fail(BackendBadAnswer(f"The answer of {self._origin} {self._complaint(clean)}."))
        elif self._begun:
            self._hand_over(response)
            if response.buffered_bytes > response.pause_over_bytes:
                self._pause()
            response.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the running call: complete, if the end of the connection is the end of the body."""
        response = self._response
        self._lost = True
        self._room.set()
        if response is not None:
            if self._begun and not self._sized and exc is None:
                self._hand_over(response)
                self._response = None
                response.finish()
            elif self._begun:
                self._fail(BackendFailed(f"The answer of {self._origin} was cut off."))
            elif self.used and not self._quiet_bytes and self._head_waiter is not None:
                if not self._head_waiter.done():
                    self._head_waiter.set_exception(StaleConnectionError())
            else:
                self._fail(BackendFailed(f"{self._origin} closed the connection before it answered."))
        self._parser = None
        self._response = None
        self._head_waiter = None
        self._transport = None
        self._tell_lost()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A second message after the answer is not parsed."""
        if self._done:
            raise ValueError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep it; look at those that frame the message."""
        response = self._response
        if response is None or self._begun:
            return
        response.raw_headers.append((name, value))
        if len(name) in _TOLD_HEADERS:
            self._note(name.lower(), value, response)

    def on_headers_complete(self) -> None:
        """The answer begins, unless it is an interim one."""
        response, parser = self._response, self._parser
        if response is None or parser is None:
            return
        status = parser.get_status_code()
        if status < 200:
            self._interim = True
            return
        response.status = status
        self._begun = True
        self._quiet_bytes = 0
        self._last_at_s = self._loop.time()
        self._keep_alive = parser.should_keep_alive()
        if self._no_body or status in (204, 304):
            self._sized = True
            response.encoding = ""
            if self._no_body:
                # The parser would wait for the body that HEAD leaves out: this connection ends here.
                self._done = True
                self._keep_alive = False

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._response is not None and not self._done:
            self._quiet_bytes = 0
            self._response.add(piece)

    def on_message_complete(self) -> None:
        """The end, unless of an interim answer."""
        if self._interim:
            self._interim = False
            if self._response is not None:
                self._response.raw_headers.clear()
            return
        self._done = True

    def _note(self, name: bytes, value: bytes, response: LeanResponse) -> None:
        if name == b"content-length":
            self._sized = True
        elif name == b"transfer-encoding":
            self._sized = True
            if value.strip().lower() != b"chunked":
                self._wrong = "has a transfer encoding that was not asked for"
        elif name == b"content-encoding":
            encoding = value.strip().lower().decode("latin-1")
            response.encoding = "" if encoding == "identity" else encoding
        elif name == b"keep-alive":
            match = _KEEP_ALIVE_TIMEOUT.search(value)
            if match:
                # One second less than the server says, so that the request does not meet its close.
                self._keep_idle_s = min(KEEP_IDLE_S, max(0.0, int(match[1]) - 1.0))

    def _complaint(self, clean: bool) -> str:
        if self._wrong:
            return self._wrong
        return f"has headers of more than {HEAD_BYTES} bytes" if clean else "is not HTTP"

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _hand_over(self, response: LeanResponse) -> None:
        waiter = self._head_waiter
        if waiter is not None:
            self._head_waiter = None
            if not waiter.done():
                waiter.set_result(response)

    def _finish(self, response: LeanResponse, clean: bool) -> None:
        self._hand_over(response)
        self._response = None
        self._parser = None
        response.finish()
        transport = self._transport
        if (
            clean
            and self._keep_alive
            and not self._pouring
            and transport is not None
            and not transport.is_closing()
            # An answer to a request that is still being sent: its rest would be read as the next request.
            and not transport.get_write_buffer_size()
        ):
            self.resume()
            self.gather(False)
            self.used = True
            self.idle_until_s = self._loop.time() + self._keep_idle_s
            self._owner.release(self)
        else:
            self.abort()

    def _fail(self, error: BackendFailed) -> None:
        response, waiter = self._response, self._head_waiter
        self._response = None
        self._head_waiter = None
        if response is not None:
            response.finish(error)
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self.abort()

    def _tell_lost(self) -> None:
        if not self._told:
            self._told = self._lost = True
            self._owner.lost(self)
