"""What the scripted model servers share: a real socket, a record of what they were asked, faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Fault:
    """What goes wrong with one answer.

    Attributes:
        status: Instead of 200, with `body`.
        body: JSON, or bytes as they are.
        headers: Of the answer.
        after: In a stream: parts that are still sent before the fault.
        tail: Bytes sent in place of the rest.
        cut: The connection is reset.
        hang: Nothing more is sent until the client leaves.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None
    tail: bytes = b""
    cut: bool = False
    hang: bool = False


@dataclass
class Asked:
    path: str
    body: Any
    headers: dict[str, str]
    query: dict[str, str]


class ScriptedServer:
    """Answers with `handle`, unless a fault is waiting for the path.

    Attributes:
        url: Where it listens.
        asked: What it was asked, in order.
        write_bytes: Streams are written in pieces of this size; None = part by part.
        left: Set when a client closed during a fault that hangs.
        always: The fault of every answer for which no other is waiting.
    """

    content_type = "application/json"

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.write_bytes: int | None = None
        self.left = asyncio.Event()
        self.always: Fault | None = None
        self._faults: dict[str, list[Fault]] = {}

    def fail(self, path: str, fault: Fault) -> None:
        self._faults.setdefault(path, []).append(fault)

    def bodies(self, path: str) -> list[Any]:
        return [asked.body for asked in self.asked if asked.path == path]

    async def saw_client_leave(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.left.wait(), 10)
        return self.left.is_set()

    async def handle(self, asked: Asked) -> tuple[int, Any]:
        """Status and body: an object (JSON), or a list of bytes (a stream)."""
        raise NotImplementedError

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asked = Asked(
            request.path,
            json.loads(raw) if raw else None,
            {name.lower(): value for name, value in request.headers.items()},
            dict(request.query),
        )
        self.asked.append(asked)
        waiting = self._faults.get(request.path)
        fault = waiting.pop(0) if waiting else self.always
        if fault is not None and fault.after is None and not fault.hang and not fault.cut:
            body = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
            headers = {"Content-Type": "application/json", **fault.headers}
            return web.Response(status=fault.status, body=body, headers=headers)
        status, answer = await self.handle(asked)
        if fault is not None and (fault.after is None or not isinstance(answer, list)):
            await self._break(request, fault, None)
            return web.Response()
        if not isinstance(answer, list):
            return web.json_response(answer, status=status)
        return await self._stream(request, answer, fault)

    async def _stream(
        self, request: web.Request, parts: list[bytes], fault: Fault | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        response.enable_chunked_encoding()
        await response.prepare(request)
        sent = parts if fault is None or fault.after is None else parts[: fault.after]
        if self.write_bytes is not None:
            whole = b"".join(sent)
            sent = [whole[at : at + self.write_bytes] for at in range(0, len(whole), self.write_bytes)]
        for part in sent:
            await response.write(part)
            # So that each part is read by itself on the other side.
            await asyncio.sleep(0)
        if fault is not None:
            await self._break(request, fault, response)
        await response.write_eof()
        return response

    async def _break(self, request: web.Request, fault: Fault, response: web.StreamResponse | None) -> None:
        if response is not None and fault.tail:
            await response.write(fault.tail)
        if fault.cut and request.transport is not None:
            request.transport.abort()
        if fault.hang:
            await _until_closed(request)
            self.left.set()


async def _until_closed(request: web.Request) -> None:
    for _ in range(6000):
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the client did not leave")


@asynccontextmanager
async def served(server: ScriptedServer) -> AsyncIterator[None]:
    """Run a server on a free port of this machine."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = server._serve
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield
    finally:
        await runner.cleanup()
