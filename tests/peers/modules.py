"""Modules as people write them: a small HTTP server, and what a transport needs to call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from roundhouse.core.errors import NotFound
from roundhouse.core.settings import OutboundSettings
from roundhouse.core.transports import TransportContext, Verb
from roundhouse.core.types import Caller, FileInfo, NewFile
from roundhouse.infra.clock import SystemClock
from roundhouse.infra.egress.modules import ModuleClient
from roundhouse.infra.egress.resolving import Lookup, system_lookup


@dataclass
class Request:
    """One that the module got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Module:
    """A running module."""

    url: str
    port: int
    seen: list[Request] = field(default_factory=list)


@asynccontextmanager
async def module_server() -> AsyncIterator[Module]:
    """Serves `/echo`, `/slow`, `/null`, `/status/N`, `/html`, `/picture` and the like; keeps requests."""
    app = web.Application(client_max_size=8 * 1024 * 1024)
    module = Module("", 0)
    ended = asyncio.Event()

    async def serve(request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        module.seen.append(Request(request.method, str(request.rel_url), headers, body))
        return await _answer(request, headers, body, ended)

    app.router.add_route("*", "/{rest:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    module.port = runner.addresses[0][1]
    module.url = f"http://127.0.0.1:{module.port}"
    try:
        yield module
    finally:
        ended.set()
        await runner.cleanup()


async def _answer(
    request: web.Request, headers: dict[str, str], body: bytes, ended: asyncio.Event
) -> web.StreamResponse:
    what = request.path.split("/")[1]
    if what == "status":
        status = int(request.path.split("/")[2])
        told = {"retry-after": "7"} if status == 429 else {}
        return web.Response(status=status, text=f"no: {headers.get('authorization', '')}", headers=told)
    if what == "slow":
        await ended.wait()
    answers: dict[str, web.Response] = {
        "null": web.Response(status=204),
        "html": web.Response(text="<p>hello", content_type="text/html"),
        "text": web.Response(text="Xin chào"),
        "broken": web.Response(body=b'{"a":', content_type="application/json"),
        "picture": web.Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png"),
        "huge": web.Response(body=b'"' + b"x" * 4096 + b'"', content_type="application/json"),
        "redirect": web.Response(status=302, headers={"location": "http://169.254.169.254/latest/meta-data"}),
        "solve": web.json_response({"result": 4, "confidence": 0.9}),
        "wrong": web.json_response({"answer": "none"}),
    }
    return answers.get(what) or web.Response(body=body or b"{}", content_type="application/json")


class NoFiles:
    """A house without files; what is created is kept here."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[FileInfo, bytes]] = {}

    async def get(self, caller: Caller, file_id: str) -> FileInfo:
        if file_id not in self.kept:
            raise NotFound("No such file.")
        return self.kept[file_id][0]

    async def read(
        self, caller: Caller, file_id: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        await self.get(caller, file_id)
        content = self.kept[file_id][1]

        async def pieces() -> AsyncIterator[bytes]:
            yield content[start:end]

        return pieces()

    async def create(self, caller: Caller, new: NewFile, pieces: AsyncIterator[bytes]) -> FileInfo:
        content = b"".join([piece async for piece in pieces])
        return self.put(new.filename, content, purpose=new.purpose)

    def put(self, filename: str, content: bytes, purpose: str = "user_data") -> FileInfo:
        """Keep a file at once."""
        info = FileInfo(
            id=f"file_{len(self.kept) + 1}",
            site_id="north",
            user_id=None,
            app_id=None,
            filename=filename,
            purpose=purpose,
            content_type="text/plain",
            size_bytes=len(content),
            sha256="",
            created_at_s=0.0,
            expires_at_s=None,
        )
        self.kept[info.id] = (info, content)
        return info


@asynccontextmanager
async def transport_context(
    verbs: Mapping[str, Verb] | None = None,
    files: Any = None,
    lookup: Lookup = system_lookup,
    **outbound: Any,
) -> AsyncIterator[TransportContext]:
    """What transports get; `outbound` are settings."""
    client = ModuleClient(OutboundSettings(**outbound), lookup)
    try:
        yield TransportContext(client, files or NoFiles(), verbs or {}, SystemClock())
    finally:
        await client.close()
