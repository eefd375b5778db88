"""The listening server: uvicorn with uvloop and httptools, run from inside the program.

It adds what a server on an open network needs (`http_protocol.py`), says where it listens, and drains when it is
told to stop: not ready at once, running requests get their time, then they are cancelled; a second signal ends at
once.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import errno
import functools
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Generator
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from roundhouse.core.errors import BadInput, Conflict, NotAllowed, RoundhouseError
from roundhouse.core.settings import ServerSettings
from roundhouse.infra.http_protocol import GuardedProtocol, Sweep
from roundhouse.infra.web import App, Message, Receive, Scope, Send

_LOOK_S = 0.05
_UNWIND_S = 2.0
_BACKLOG = 2048
_PING_S = 20.0


async def serve(
    app: App,
    settings: ServerSettings,
    on_started: Callable[[str], None],
    on_draining: Callable[[], None],
) -> None:
    """Serve until a signal; see `Listener`."""
    await Listener(app, settings, on_started, on_draining).run()


class Listener:
    """A server that can also be stopped from inside.

    Args:
        app: ASGI application with a lifespan.
        settings: Address and limits.
        on_started: Told the address, with the real port, once requests are taken.
        on_draining: Told when stopping begins, before anything is closed.
        sockets: Paths that are WebSockets.
    """

    def __init__(
        self,
        app: App,
        settings: ServerSettings,
        on_started: Callable[[str], None],
        on_draining: Callable[[], None],
        sockets: Collection[str] = (),
    ) -> None:
        self._sockets = sockets
        self._app = app
        self._settings = settings
        self._on_started = on_started
        self._on_draining = on_draining
        self._server: _Server | None = None

    async def run(self) -> None:
        """Serve until stopped and drained.

        Raises:
            Conflict: The port is in use.
            NotAllowed: The port may not be used by this user.
            BadInput: The host is not an address of this machine.
            RoundhouseError: The application could not start; its own error, if it is one of ours.
        """
        sockets = bind(self._settings.host, self._settings.port)
        try:
            self._server = _Server(
                self._app,
                self._settings,
                sockets,
                self._on_started,
                self._on_draining,
                Sweep(self._settings, self._sockets),
            )
            await self._server.serve(sockets=sockets)
        finally:
            for listening in sockets:
                listening.close()

    @property
    def hurried(self) -> bool:
        """Whether it was told a second time to stop, and did not drain."""
        return self._server is not None and self._server.force_exit

    def stop(self) -> None:
        """What a signal does: the first time drain, the second time end at once."""
        if self._server is not None:
            self._server.stop()


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of `host`; port 0 takes one free port for all.

    Raises:
        Conflict: The port is in use.
        NotAllowed: The port may not be used by this user.
        BadInput: The host is not an address of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            taken = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bind_one(family, (address[0], taken, *address[2:])))
    except OSError as error:
        for listening in sockets:
            listening.close()
        _raise_bind_error(error, host, port)
    return sockets


def _bind_one(family: int, address: tuple[Any, ...]) -> socket.socket:
    # With the protocol named, accepted connections send small answers at once on every event loop.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            # There it would let a second program take the same port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            every = address[0] == "::" and socket.has_dualstack_ipv6()
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not every)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _raise_bind_error(error: OSError, host: str, port: int) -> NoReturn:
    if error.errno == errno.EADDRINUSE:
        raise Conflict(f"Port {port} of {host} is in use. Choose another with --port.") from error
    if error.errno == errno.EACCES:
        raise NotAllowed(f"Port {port} needs more rights. Choose one above 1023 with --port.") from error
    raise BadInput(f"Cannot listen on {host}: {error.strerror or error}.", param="host") from error


def _url(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _socket_protocol(settings: ServerSettings, **parts: Any) -> asyncio.Protocol:
    """A WebSocket's connection; its library is loaded with the first."""
    from roundhouse.infra.socket_protocol import GuardedSocket

    return GuardedSocket(settings, **parts)


class _Lifespan(LifespanOn):
    """uvicorn's, keeping the exception that ended the application's start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(copy.copy(config))
        self._app: App = config.loaded_app
        self.config.loaded_app = self._watched
        self.failure: BaseException | None = None

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def quietly(message: Message) -> None:
            # The framework's traceback; the caller gets the exception itself.
            await send(
                {**message, "message": ""} if message["type"] == "lifespan.startup.failed" else message
            )

        try:
            await self._app(scope, receive, quietly)
        except BaseException as error:
            self.failure = error
            raise


class _Server(uvicorn.Server):
    def __init__(
        self,
        app: App,
        settings: ServerSettings,
        sockets: list[socket.socket],
        on_started: Callable[[str], None],
        on_draining: Callable[[], None],
        sweep: Sweep,
    ) -> None:
        self._settings = settings
        self._sweep = sweep
        self._on_started = functools.partial(on_started, _url(settings.host, sockets[0]))
        self._on_draining = on_draining
        self._loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            app,
            http=functools.partial(GuardedProtocol, self._sweep),  # type: ignore[arg-type]  # uvicorn calls it, but names a class
            ws=functools.partial(_socket_protocol, settings),  # type: ignore[arg-type]  # likewise
            ws_max_size=settings.max_message_bytes,
            ws_ping_interval=_PING_S,
            # A client that is made to wait cannot answer; what is lost is found by the limits.
            ws_ping_timeout=None,
            ws_per_message_deflate=False,
            interface="asgi3",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            workers=1,
            backlog=_BACKLOG,
        )
        config.load()
        config.lifespan_class = _Lifespan
        super().__init__(config)

    def stop(self) -> None:
        if self.should_exit:
            self.force_exit = True
        else:
            self.should_exit = True
            self._on_draining()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        except SystemExit:
            failure = self.lifespan.failure if isinstance(self.lifespan, _Lifespan) else None
            if isinstance(failure, RoundhouseError):
                raise failure from None
            raise RoundhouseError("The application could not start.") from failure
        self._sweep.start(self.server_state.connections)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        for listening in self.servers:
            listening.close()
        for connection in tuple(state.connections):
            connection.shutdown()
        await self._drained(self._loop.time() + self._settings.drain_s)
        running = tuple(state.tasks)
        for task in running:
            task.cancel()
        if running:
            # Cancelled requests still stop their backends and write what they used.
            await asyncio.wait(running, timeout=_UNWIND_S)
        for connection in tuple(state.connections):
            connection.transport.abort()
        self._sweep.stop()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _drained(self, ends_at_s: float) -> None:
        state = self.server_state
        while state.tasks or state.connections:
            if self.force_exit or self._loop.time() >= ends_at_s:
                return
            await asyncio.sleep(_LOOK_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the signals for the time of serving; they are not raised again, for a stop is not a failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        names = ("SIGINT", "SIGTERM", "SIGBREAK")
        known = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {number: signal.signal(number, self.handle_exit) for number in known}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # A signal may come in the middle of anything: the loop does the work between two of its turns.
        self._loop.call_soon_threadsafe(self.stop)
