"""A WebSocket as an endpoint sees it: JSON messages in and out, over ASGI."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import msgspec

from roundhouse.core.errors import Cancelled
from roundhouse.infra.web import CONNECTION, CancelOnDisconnect, Message, Receive, Scope, Send

NORMAL = 1000
POLICY = 1008
RESTARTS = 1012
"""Codes of a closed socket: RFC 6455, section 7.4, and IANA's registry."""

_REASON_BYTES = 120


class Socket:
    """One WebSocket. A context manager, inside of which the work is cancelled when the client goes away.

    Args:
        scope: Of the connection.
        receive: Of the connection.
        send: Of the connection.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._connection = (scope.get("extensions") or {}).get(CONNECTION)
        # Under another server the end of the client comes as a message, and no task of ours may take those.
        self._lost = CancelOnDisconnect(scope, receive) if self._connection is not None else None

    async def __aenter__(self) -> Self:
        """Begin to watch the client."""
        if self._lost is not None:
            await self._lost.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching; raises Cancelled when it was lost."""
        if self._connection is not None:
            self._connection.on_drain(None)
        if self._lost is not None:
            await self._lost.__aexit__(kind, error, trace)

    async def accept(self, subprotocol: str | None = None) -> None:
        """Open it; raises Cancelled when the client is gone."""
        if (await self._receive())["type"] != "websocket.connect":
            raise Cancelled("The client went away.")
        await self._tell({"type": "websocket.accept", "subprotocol": subprotocol})

    async def receive(self) -> str | None:
        """The next message; None = one of bytes. Raises Cancelled when the client ends the socket."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Cancelled("The client went away.")
        text: str | None = message.get("text")
        return text

    async def tell(self, content: dict[str, Any]) -> None:
        """Send a message; waits while the client takes none. Raises Cancelled when it is gone."""
        await self._tell({"type": "websocket.send", "text": msgspec.json.encode(content).decode()})

    async def close(self, code: int, reason: str = "") -> None:
        """End it; nothing happens when it has ended already."""
        cut = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        try:
            await self._tell({"type": "websocket.close", "code": code, "reason": cut})
        except Cancelled:
            return

    def on_drain(self, drain: Any) -> None:
        """Have `drain` called when the server begins to stop."""
        if self._connection is not None:
            self._connection.on_drain(drain)

    def probe(self) -> None:
        """Have the client's end noticed soon although nothing is received."""
        if self._connection is not None:
            self._connection.probe()

    async def _tell(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):
            # The server's ways to say that the socket is closed.
            raise Cancelled("The client went away.") from None
