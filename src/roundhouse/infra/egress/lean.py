"""Outgoing HTTP for the hot path: a pooled HTTP/1.1 client of about 20 us of CPU per call.

It does what calls to model servers need and nothing else: no redirects, no cookies, no proxies, no
compression asked for. `pooled.py` has the same ports over aiohttp; one contract suite runs over both.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping

from roundhouse.core.errors import BackendDown, BackendFailed, BackendTimeout
from roundhouse.core.ports import Upload
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.types import Timeouts
from roundhouse.infra.egress.addresses import OPERATOR_RULES, Url, check_headers, check_method, parse_url
from roundhouse.infra.egress.connection import Connection, StaleConnectionError
from roundhouse.infra.egress.dialling import KEEP_IDLE_S, USER_AGENT, make_tls
from roundhouse.infra.egress.resolving import Dialled, Resolver
from roundhouse.infra.egress.response import LeanResponse

_STALE_TRIES = 2
_FRESH_S = 1.0
_COARSE_TICK_S = 0.5
_FINE_TICK_S = 0.005
_BODYLESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class LeanClient:
    """`core.ports.Http`, for one event loop.

    Args:
        settings: Authorities and connections per host.
        resolver: Names to addresses; the default refuses link-local and metadata addresses.
        tls: How servers are verified; None = made from the settings when it is needed.
        resends: Whether a request is sent again whose connection, used before, closes before any byte of the answer.
            A server that has done the work and died looks the same: not for what must not be done twice.
    """

    def __init__(
        self,
        settings: OutboundSettings,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        resends: bool = True,
    ) -> None:
        self._settings = settings
        self.tries = _STALE_TRIES if resends else 0
        # Where nothing is sent again, only connections are used that can hardly have been closed meanwhile.
        self.margin_s = 0.0 if resends else KEEP_IDLE_S - _FRESH_S
        self.resolver = resolver or Resolver(OPERATOR_RULES)
        self._hosts: dict[tuple[str, str, int], HostPool] = {}
        self._tls = tls
        self._active: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._tick_s = _COARSE_TICK_S

    def endpoint(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> LeanEndpoint:
        """Prepare an address; raises BadInput, or AddressRefused when the host is an address never called."""
        parsed = parse_url(url)
        self.resolver.check_literal(parsed)
        key = (parsed.scheme, parsed.host, parsed.port)
        pool = self._hosts.get(key)
        if pool is None:
            pool = self._hosts[key] = HostPool(self, parsed, self._settings.max_connections_per_host)
        return LeanEndpoint(self, pool, check_method(method), parsed, check_headers(headers))

    async def close(self) -> None:
        """Close all connections; running calls fail."""
        for connection in tuple(self._active):
            connection.give_up()
        for pool in self._hosts.values():
            pool.close_idle()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    async def tls(self) -> ssl.SSLContext:
        """The TLS context, made at the first connection that needs it."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(make_tls, self._settings)
        return self._tls

    def watch(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the connection's time limits until `unwatch`."""
        self._active.add(connection)
        if self._sweeper is None or connection.tick_s < self._tick_s:
            self._schedule(connection.tick_s, loop)

    def unwatch(self, connection: Connection) -> None:
        """Its call has ended."""
        self._active.discard(connection)

    def _schedule(self, tick_s: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._tick_s = tick_s
        self._sweeper = loop.call_later(tick_s, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = None
        now_s = loop.time()
        for connection in tuple(self._active):
            connection.expire(now_s)
        idle = 0
        for pool in self._hosts.values():
            idle += pool.close_old(now_s)
        if self._active:
            self._schedule(min(connection.tick_s for connection in self._active), loop)
        elif idle:
            self._schedule(_COARSE_TICK_S, loop)


class LeanEndpoint:
    """`core.ports.Endpoint`: the request's head is written once."""

    __slots__ = ("_bare", "_client", "_head", "_no_body", "_pool", "_tick_s", "_timeouts")

    def __init__(
        self, client: LeanClient, pool: HostPool, method: str, url: Url, headers: dict[str, str]
    ) -> None:
        self._client = client
        self._pool = pool
        lines = {
            "host": f"Host: {url.authority}",
            "user-agent": f"User-Agent: {USER_AGENT}",
            "accept": "Accept: */*",
        }
        for name, value in headers.items():
            lines[name.lower()] = f"{name}: {value}"
        head = "\r\n".join((f"{method} {url.target} HTTP/1.1", *lines.values())) + "\r\n"
        self._head = head.encode("ascii") + b"Content-Length: "
        self._bare = head.encode("ascii") + b"\r\n" if method in _BODYLESS else self._head + b"0\r\n\r\n"
        self._no_body = method == "HEAD"
        self._timeouts: Timeouts | None = None
        self._tick_s = _COARSE_TICK_S

    async def send(self, body: bytes | Upload = b"", *, timeouts: Timeouts) -> LeanResponse:
        """Send one request; see `core.ports.Endpoint`."""
        if timeouts is not self._timeouts:
            shortest_s = min(timeouts.first_byte_s, timeouts.idle_s, timeouts.total_s)
            self._tick_s = max(_FINE_TICK_S, min(_COARSE_TICK_S, shortest_s / 8))
            self._timeouts = timeouts
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        ends_at_s = now_s + timeouts.total_s
        head, body, upload = self._framed(body)
        pool = self._pool
        tries = 0
        while True:
            connection = pool.take_idle(now_s + self._client.margin_s)
            if connection is None:
                connection = await pool.open(loop, min(timeouts.connect_s, ends_at_s - loop.time()))
            connection.tick_s = self._tick_s
            self._client.watch(connection, loop)
            future = connection.exchange(head, body, timeouts, ends_at_s, no_body=self._no_body)
            if upload is not None:
                await _pour(upload, connection)
            try:
                return await future
            except StaleConnectionError as error:
                tries += 1
                pool.close_idle()
                if tries > self._client.tries:
                    raise BackendFailed(f"{pool.origin} closed the connection before it answered.") from error
            except asyncio.CancelledError:
                if future.cancelled():
                    connection.abort()
                elif future.exception() is None:
                    # The headers came in the same moment; the connection may serve another call by now.
                    future.result().close()
                raise

    def _framed(self, body: bytes | Upload) -> tuple[bytes, bytes, Upload | None]:
        """The request's head, the body that goes with it, and the one that follows piece by piece."""
        if not isinstance(body, bytes):
            return b"%b%d\r\n\r\n" % (self._head, body.size_bytes), b"", body
        return (b"%b%d\r\n\r\n" % (self._head, len(body)) if body else self._bare), body, None


async def _pour(upload: Upload, connection: Connection) -> None:
    try:
        await connection.pour(upload.pieces())
    except BaseException:
        # Half a request was sent: nothing can follow it.
        connection.abort()
        raise


class HostPool:
    """The connections to one server.

    Args:
        client: Its client.
        url: Any URL of the server.
        limit: Connections at a time; more calls wait for `connect_s`.
    """

    __slots__ = ("_client", "_idle", "_limit", "_open", "_preferred", "_url", "_waiters", "origin")

    def __init__(self, client: LeanClient, url: Url, limit: int) -> None:
        self.origin = url.origin
        self._client = client
        self._url = url
        self._limit = limit
        self._open = 0
        self._idle: list[Connection] = []
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._preferred: Dialled | None = None

    def take_idle(self, now_s: float) -> Connection | None:
        """The connection used last, if it is still good."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and now_s < connection.idle_until_s:
                return connection
            connection.abort()
        return None

    async def open(self, loop: asyncio.AbstractEventLoop, limit_s: float) -> Connection:
        """A new connection, or one that another call gives back.

        Raises:
            BackendDown: It cannot be connected.
            BackendTimeout: It is not connected in time, or all connections are in use for so long.
            AddressRefused: The name leads to an address that is never called.
        """
        waiting = False
        try:
            async with asyncio.timeout(limit_s):
                while self._open >= self._limit:
                    waiting = True
                    given = await self._wait(loop)
                    if given is None:
                        break
                    if given.is_open:
                        return given
                else:
                    self._open += 1
                waiting = False
                try:
                    return await self._connect(loop, limit_s)
                except BaseException:
                    self._free_slot()
                    raise
        except TimeoutError as error:
            what = "has no connection free" if waiting else "could not be connected"
            raise BackendTimeout(f"{self.origin} {what} in time.") from error

    def release(self, connection: Connection) -> None:
        """Hand a connection that can be used again to the call that waits longest, or keep it."""
        self._client.unwatch(connection)
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self._client.unwatch(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._free_slot()

    def close_old(self, now_s: float) -> int:
        """Close connections that were idle for too long; how many idle ones remain."""
        for connection in [one for one in self._idle if now_s >= one.idle_until_s]:
            connection.abort()
        return len(self._idle)

    def close_idle(self) -> None:
        """Close all idle connections."""
        for connection in tuple(self._idle):
            connection.abort()

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> Connection | None:
        """A connection, or None when a slot was handed over."""
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # It was given something in the same moment: pass it on.
                given = waiter.result()
                if given is None:
                    self._free_slot()
                else:
                    self.release(given)
            raise

    def _free_slot(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._open -= 1

    async def _connect(self, loop: asyncio.AbstractEventLoop, limit_s: float) -> Connection:
        tls = await self._client.tls() if self._url.scheme == "https" else None
        addresses = await self._client.resolver.resolve(self._url)
        if self._preferred in addresses:
            addresses = sorted(addresses, key=lambda address: address != self._preferred)
        for left in range(len(addresses) - 1, -1, -1):
            address = addresses[len(addresses) - 1 - left]
            try:
                # An address that swallows packets may take half of the time, so that the next has a chance.
                async with asyncio.timeout(limit_s / 2 if left else None):
                    connection = await self._dial(loop, address, tls)
            except (OSError, TimeoutError) as error:
                if not left:
                    raise self._translate(error) from error
            else:
                self._preferred = address
                return connection
            limit_s /= 2
        raise BackendDown(f"{self.origin} has no address.")

    async def _dial(
        self, loop: asyncio.AbstractEventLoop, address: Dialled, tls: ssl.SSLContext | None
    ) -> Connection:
        connection = Connection(self, self.origin, loop)
        await loop.create_connection(
            lambda: connection,
            str(address.ip),
            address.port,
            ssl=tls,
            server_hostname=self._url.host if tls is not None else None,
        )
        connection.adopt()
        return connection

    def _translate(self, error: OSError | TimeoutError) -> BackendFailed:
        if isinstance(error, ssl.SSLError):
            return BackendDown(
                f"The TLS certificate of {self.origin} was not accepted (outbound.ca_file adds authorities)."
            )
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no connection"
        return BackendDown(f"{self.origin} cannot be connected: {reason}.")
