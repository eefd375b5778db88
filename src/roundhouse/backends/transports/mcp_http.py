"""The way of the MCP SDK's HTTP client through the guarded egress: no connection is made but by `ModuleHttp`.

Source:
    modelcontextprotocol.io/specification, revisions 2025-11-25 and 2026-07-28: streamable HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from roundhouse.backends.transports.refusals import raise_refusal
from roundhouse.core.errors import BackendBadAnswer, RoundhouseError
from roundhouse.core.ports import Clock, HttpResponse
from roundhouse.core.transports import CapabilityCall, ModuleHttp
from roundhouse.core.types import Timeouts

_CONNECT_S = 10.0
_OURS = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "user-agent", "cookie"}
)
_PLAIN = frozenset({"content-length", "content-encoding", "transfer-encoding", "connection", "set-cookie"})
# Of these no JSON-RPC is to be expected: they speak of the credential, the moment or a fault.
_REFUSING = frozenset({401, 403, 407, 410, 429})


class GuardedHttp(httpx2.AsyncBaseTransport):
    """A transport of httpx2.

    Args:
        http: The way out.
        call: For whom, with the secrets and the time limit.
        limit_bytes: Largest answer, all of a stream together.
        clock: Time.

    Attributes:
        failure: The first fault; the SDK tells of it in its own words, or not at all.
    """

    def __init__(self, http: ModuleHttp, call: CapabilityCall, limit_bytes: int, clock: Clock) -> None:
        self._http = http
        self._call = call
        self._limit_bytes = limit_bytes
        self._clock = clock
        self.failure: RoundhouseError | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        headers = {name: value for name, value in request.headers.items() if name not in _OURS}
        # Last: what is registered for the target wins over what the client says.
        headers |= self._call.secrets
        body = await request.aread()
        limit_s = self._call.timeout_s
        timeouts = Timeouts(min(_CONNECT_S, limit_s), limit_s, limit_s, limit_s)
        try:
            target = self._http.endpoint(
                request.method,
                str(request.url),
                headers,
                trusted=self._call.trusted,
                local_only=self._call.caller.local_only,
            )
            response = await target.send(body, timeouts=timeouts)
            if response.status in _REFUSING or response.status >= 500:
                try:
                    await raise_refusal(response, self._call, self._clock.now_s())
                finally:
                    await response.aclose()
        except RoundhouseError as error:
            raise self.failed(error, request) from error
        shown = [(name, value) for name, value in response.headers.items() if name not in _PLAIN]
        return httpx2.Response(
            response.status, headers=shown, stream=_Body(response, self, request), request=request
        )

    def failed(self, error: RoundhouseError, request: httpx2.Request) -> httpx2.TransportError:
        """Keep a fault; what the SDK is told of it."""
        self.failure = self.failure or error
        return httpx2.ReadError(error.detail, request=request)

    @property
    def limit_bytes(self) -> int:
        """Largest answer."""
        return self._limit_bytes

    @property
    def name(self) -> str:
        """Of what is called, for people."""
        return self._call.capability


class _Body(httpx2.AsyncByteStream):
    """An answer as it arrives, up to the limit."""

    def __init__(self, response: HttpResponse, way: GuardedHttp, request: httpx2.Request) -> None:
        self._response = response
        self._way = way
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        room_bytes = self._way.limit_bytes
        try:
            async for piece in self._response.pieces():
                room_bytes -= len(piece)
                if room_bytes < 0:
                    raise BackendBadAnswer(
                        f"The answer of {self._way.name} is larger than {self._way.limit_bytes} bytes."
                    )
                yield piece
        except RoundhouseError as error:
            raise self._way.failed(error, self._request) from error

    async def aclose(self) -> None:
        await self._response.aclose()
