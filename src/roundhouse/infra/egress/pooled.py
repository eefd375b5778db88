"""Outgoing HTTP over aiohttp: every feature of HTTP/1.1, at about 100 us of CPU per call."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from roundhouse.core.errors import BackendBadAnswer, BackendDown, BackendFailed, BackendTimeout
from roundhouse.core.ports import Upload
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Beat, Timeouts
from roundhouse.infra.egress.addresses import OPERATOR_RULES, Url, check_headers, check_method, parse_url
from roundhouse.infra.egress.dialling import KEEP_IDLE_S, USER_AGENT, make_tls
from roundhouse.infra.egress.resolving import Resolver

_STALE_TRIES = 2


class CheckedResolver(AbstractResolver):
    """Gives aiohttp only addresses that may be dialled."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Checked addresses of a name."""
        return [
            ResolveResult(
                hostname=host,
                host=str(found.ip),
                port=port,
                family=found.family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for found in await self._resolver.resolve_name(host, port)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Call:
    """The one running time limit of a call, moved on as the call gets further."""

    __slots__ = ("connected", "ends_at_s", "first_byte_s", "limit", "reused")

    def __init__(self, limits: Timeouts, ends_at_s: float) -> None:
        now_s = asyncio.get_running_loop().time()
        self.limit = asyncio.timeout_at(min(now_s + limits.connect_s, ends_at_s))
        self.first_byte_s = limits.first_byte_s
        self.ends_at_s = ends_at_s
        self.connected = False
        self.reused = False

    async def poured(self, body: Upload) -> AsyncIterator[bytes]:
        """A body's pieces; as long as the server takes some, it is alive."""
        async for piece in body.pieces():
            self.limit.reschedule(min(asyncio.get_running_loop().time() + self.first_byte_s, self.ends_at_s))
            yield piece


async def _connected(_session: object, context: SimpleNamespace, _params: object) -> None:
    call: _Call = context.trace_request_ctx
    call.connected = True
    call.limit.reschedule(min(asyncio.get_running_loop().time() + call.first_byte_s, call.ends_at_s))


async def _reused(session: object, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.reused = True
    await _connected(session, context, params)


class AiohttpClient:
    """`core.ports.Http` over one pooled session, made at the first call.

    Args:
        settings: Authorities and connections per host.
        resolver: Names to addresses; the default refuses link-local and metadata addresses.
    """

    def __init__(self, settings: OutboundSettings, resolver: Resolver | None = None) -> None:
        self._settings = settings
        self.resolver = resolver or Resolver(OPERATOR_RULES)
        self._opened: aiohttp.ClientSession | None = None

    def endpoint(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> AiohttpEndpoint:
        """Prepare an address; raises BadInput, or AddressRefused when the host is an address never called."""
        parsed = parse_url(url)
        self.resolver.check_literal(parsed)
        return AiohttpEndpoint(self, check_method(method), parsed, check_headers(headers))

    async def session(self) -> aiohttp.ClientSession:
        """The session."""
        if self._opened is None:
            tls = await asyncio.to_thread(make_tls, self._settings)
            if self._opened is None:
                self._opened = self._open(tls)
        return self._opened

    def _open(self, tls: ssl.SSLContext) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        trace.on_connection_reuseconn.append(_reused)
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=self._settings.max_connections_per_host,
            resolver=CheckedResolver(self.resolver),
            use_dns_cache=False,
            ssl=tls,
            keepalive_timeout=KEEP_IDLE_S,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            trace_configs=[trace],
            skip_auto_headers=("Accept-Encoding", "Content-Type"),
            headers={"User-Agent": USER_AGENT},
            read_bufsize=128 * 1024,
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None


class AiohttpEndpoint:
    """`core.ports.Endpoint`."""

    def __init__(self, client: AiohttpClient, method: str, url: Url, headers: dict[str, str]) -> None:
        self._client = client
        self._method = method
        # Encoded already: aiohttp must not rewrite what was judged.
        self._url = URL(str(url), encoded=True)
        self._origin = url.origin
        self._headers = headers

    async def send(self, body: bytes | Upload = b"", *, timeouts: Timeouts) -> AiohttpResponse:
        """Send one request; see `core.ports.Endpoint`."""
        session = await self._client.session()
        ends_at_s = asyncio.get_running_loop().time() + timeouts.total_s
        tries = 0
        while True:
            tries += 1
            call = _Call(timeouts, ends_at_s)
            try:
                answer = await self._try(session, body, call)
            except (aiohttp.ClientError, ValueError) as error:
                # A connection kept from an earlier call may have been closed by the server just now.
                if call.reused and tries <= _STALE_TRIES and _is_lost(error):
                    continue
                raise _translate(error, self._origin) from error
            return AiohttpResponse(answer, timeouts, ends_at_s, self._origin)

    async def _try(
        self, session: aiohttp.ClientSession, body: bytes | Upload, call: _Call
    ) -> aiohttp.ClientResponse:
        data: bytes | AsyncIterator[bytes] | None = None
        headers = self._headers
        if isinstance(body, bytes):
            data = body or None
        else:
            data, headers = call.poured(body), {**headers, "Content-Length": str(body.size_bytes)}
        try:
            async with call.limit:
                return await session.request(
                    self._method,
                    self._url,
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    trace_request_ctx=call,
                )
        except TimeoutError as error:
            what = "did not begin to answer" if call.connected else "could not be connected"
            raise BackendTimeout(f"{self._origin} {what} in time.") from error


class AiohttpResponse:
    """`core.ports.HttpResponse`."""

    def __init__(
        self, answer: aiohttp.ClientResponse, limits: Timeouts, ends_at_s: float, origin: str
    ) -> None:
        self._answer = answer
        self._limits = limits
        self._ends_at_s = ends_at_s
        self._origin = origin
        self._lower: dict[str, str] | None = None

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names in lower case; of repeated ones the values joined by commas."""
        if self._lower is None:
            lower: dict[str, str] = {}
            for name, value in self._answer.headers.items():
                key = name.lower()
                lower[key] = f"{lower[key]}, {value}" if key in lower else value
            self._lower = lower
        return self._lower

    async def read(self, limit_bytes: int = 64 * 1024 * 1024) -> bytes:
        """The whole body; see `core.ports.HttpResponse`."""
        parts: list[bytes] = []
        size_bytes = 0
        async for piece in self.pieces():
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                await self.aclose()
                raise BackendBadAnswer(f"The answer of {self._origin} is larger than {limit_bytes} bytes.")
            parts.append(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def pieces(self, beat: Beat | None = None) -> AsyncIterator[bytes]:
        """The body as it arrives; see `core.ports.HttpResponse`."""
        loop = asyncio.get_running_loop()
        content = self._answer.content
        try:
            while True:
                at_s = min(loop.time() + self._limits.idle_s, self._ends_at_s)
                async with asyncio.timeout_at(at_s):
                    piece = await content.readany()
                if not piece:
                    return
                yield piece
        except TimeoutError as error:
            raise BackendTimeout(f"The answer of {self._origin} did not go on in time.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _translate(error, self._origin) from error
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Give the connection up; one that is read to the end has gone back to the pool already."""
        self._answer.close()


def _is_lost(error: Exception) -> bool:
    """Whether the connection was lost before any byte of the answer."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # With a part of the head the message is that part.
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError) and not isinstance(error, aiohttp.ClientConnectorError)


def _translate(error: Any, origin: str) -> BackendFailed:
    """The error of our tree; `origin` holds no secret, so no text of the library is needed."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return BackendDown(
            f"The TLS certificate of {origin} was not accepted (outbound.ca_file adds authorities)."
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return BackendDown(f"{origin} cannot be connected: {error.os_error.strerror or 'no connection'}.")
    if isinstance(error, aiohttp.ClientPayloadError):
        if isinstance(error.__cause__, aiohttp.http_exceptions.ContentEncodingError):
            return BackendBadAnswer(f"The answer of {origin} is compressed in a way that cannot be read.")
        return BackendFailed(f"The answer of {origin} was cut off.")
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        return BackendBadAnswer(f"The answer of {origin} is not HTTP.")
    return BackendFailed(f"The connection to {origin} was lost.")
