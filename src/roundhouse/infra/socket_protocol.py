"""One WebSocket of the listening server: uvicorn's over the `websockets` library, with the limits that it lacks.

A message has a largest size and a largest number of fragments, a client that takes nothing is cut off, and nothing
is compressed (a message is never larger than what arrived). While the application does not ask for messages none are
read, so that a client that sends too fast is slowed down by TCP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from roundhouse.core.settings import ServerSettings
from roundhouse.infra.connection import ClientWatch
from roundhouse.infra.web import CONNECTION

MOST_FRAGMENTS = 1024
"""Most pieces that a message may come in."""

_CLOSE_S = 2.0


class GuardedSocket(ClientWatch, WebSocketsSansIOProtocol):
    """uvicorn's socket with limits; it is also the `roundhouse.connection` extension of its application.

    Args:
        limits: Of the server.
        parts: What uvicorn hands to its own class.
    """

    def __init__(self, limits: ServerSettings, **parts: Any) -> None:
        super().__init__(**parts)
        self.close_timeout = _CLOSE_S
        self._limits = limits
        self._made_at_s = self.loop.time()
        self._on_drain: Callable[[], None] | None = None

    # What the application calls.

    def on_drain(self, drain: Callable[[], None] | None) -> None:
        """Have `drain` called when the server stops, instead of being closed at once; None = no longer.

        The application then closes the socket itself, within `server.drain_s`.
        """
        self._on_drain = drain

    def probe(self) -> None:
        """Find out whether the client is still there while nothing is read from it: a lost one answers a write."""
        if self.handshake_complete and not self.close_sent and not self.transport.is_closing():
            self.conn.send_ping(b"probe")
            self.transport.write(b"".join(self.conn.data_to_send()))

    # What the server calls.

    def expire(self, now_s: float) -> None:
        """Called by the sweep: close the connection if one of its limits has passed."""
        is_slow = not self.handshake_complete and now_s - self._made_at_s >= self._limits.body_timeout_s
        if (self._is_stuck(now_s) or is_slow) and not self.transport.is_closing():
            self.transport.abort()

    def shutdown(self) -> None:
        """The server stops."""
        if self._on_drain is not None and self.handshake_complete and not self.close_sent:
            self._on_drain()
        else:
            super().shutdown()

    # What the parser calls.

    def handle_connect(self, event: Request) -> None:
        """The request that asks for the socket."""
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), CONNECTION: self}  # type: ignore[dict-item]  # of ours

    def handle_cont(self, event: Frame) -> None:
        """A further piece of a message."""
        if len(self.frames) >= MOST_FRAGMENTS:
            self.conn.fail(CloseCode.POLICY_VIOLATION, "too many fragments")
            self.handle_parser_exception()
        else:
            super().handle_cont(event)
