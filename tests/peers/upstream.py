"""A model server that plays scripts over a real socket and remembers what it was asked.

    async with Upstream() as up:
        up.script = json_answer({"choices": []})          # every request
        up.script = [busy, busy, good]                    # in turn, the last one again and again
        up.paths["/models"] = json_answer({"data": []})   # by the end of the path, before `script`
        ... up.url ... up.requests[0].json() ... await up.client_left()

A script is an async function of one `Exchange`; `peers.scripts` has one for every way to behave or misbehave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Received:
    """One request; header names in lower case, of repeated headers the last value."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request and the wire to answer it on."""

    def __init__(
        self,
        upstream: Upstream,
        received: Received,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.upstream = upstream
        self.request = received
        self.keeps = False
        self._reader = reader
        self._writer = writer

    async def raw(self, data: bytes) -> None:
        """Bytes as they are; the connection is closed afterwards unless `finish` follows."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer with its length."""
        await self.head(status, {**(headers or {}), "Content-Length": str(len(body))})
        await self.raw(body)
        self.keeps = True

    async def head(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Status line and headers; without a length the body must be sent with `chunk` and `finish`."""
        told = dict(headers or {})
        if "Content-Length" not in told:
            told["Transfer-Encoding"] = "chunked"
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        await self.raw(f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode("latin-1"))

    async def chunk(self, data: bytes) -> None:
        """One piece of the body."""
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        """The end of a body sent in pieces."""
        await self.raw(b"0\r\n\r\n")
        self.keeps = True

    def reset(self) -> None:
        """Close the connection with RST."""
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Until the client has closed its connection; `Upstream.client_left` then tells it."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass
        self.upstream.left.set()


Script = Callable[[Exchange], Awaitable[None]]


@dataclass
class Upstream:
    """The server; see the module's docstring."""

    script: Script | Sequence[Script] | None = None
    paths: dict[str, Script] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    origin: str = ""
    _played: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Address of its OpenAI API."""
        return f"{self.origin}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def client_left(self, within_s: float = 10.0) -> bool:
        """Whether a client closed its connection while a script was still answering it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.left.wait(), within_s)
        return self.left.is_set()

    def _next(self, received: Received) -> Script:
        for end, script in self.paths.items():
            if received.path.endswith(end):
                return script
        assert self.script is not None, f"no script for {received.path}"
        if callable(self.script):
            return self.script
        number = min(self._played, len(self.script) - 1)
        self._played += 1
        return self.script[number]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while received := await _receive(reader, self.connections):
                self.requests.append(received)
                exchange = Exchange(self, received, reader, writer)
                await self._next(received)(exchange)
                if not exchange.keeps:
                    break
        except ConnectionError:
            # Whoever writes learns here that the client went away.
            self.left.set()
        except asyncio.CancelledError:
            # Only `__aexit__` cancels; a task that ends cancelled makes asyncio log a trace.
            return
        finally:
            self._tasks.discard(task)
            writer.close()


async def _receive(reader: asyncio.StreamReader, connection: int) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return Received(method, target, headers, body, connection)
