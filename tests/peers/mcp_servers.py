"""MCP servers that tests call: one whose tools change, one in a process of its own, one that is hostile."""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from aiohttp import web
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError

PROCESS = Path(__file__).parent / "mcp_process.py"
"""A server of the SDK's high-level kind; `stdio`, or `http PORT`."""


@dataclass
class ToolServer:
    """A server whose tools a test changes.

    Attributes:
        url: Of it.
        tools: What it tells, by name.
        calls: What it was asked: name, arguments, meta.
        authorization: Headers `Authorization` that came.
    """

    url: str
    tools: dict[str, types.Tool] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)

    def offer(self, name: str, description: str = "Does it.", **more: Any) -> None:
        """Add a tool, or make it another one."""
        schema = more.pop("input_schema", {"type": "object", "properties": {"text": {"type": "string"}}})
        self.tools[name] = types.Tool(name=name, description=description, input_schema=schema, **more)

    async def list(self, ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list(self.tools.values()))

    async def call(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        given = params.arguments or {}
        meta = params.meta if isinstance(params.meta, dict) else {}
        self.calls.append((params.name, given, dict(meta)))
        if params.name == "slow":
            await asyncio.sleep(30)
        if params.name == "refused":
            raise MCPError(types.INVALID_PARAMS, "not so")
        if params.name == "null":
            return types.CallToolResult(content=[])
        text = types.TextContent(type="text", text=str(given.get("text", "")))
        if params.name in ("failed", "wrong"):
            return types.CallToolResult(content=[text], is_error=params.name == "failed")
        if params.name == "picture":
            image = types.ImageContent(type="image", data="aGk=", mime_type="image/png")
            return types.CallToolResult(content=[image])
        return types.CallToolResult(content=[text], structured_content=given)


@asynccontextmanager
async def tool_server(*names: str) -> AsyncIterator[ToolServer]:
    """A server in this process; `/status/<number>` is a path of it that answers so."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    made = ToolServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
    for name in names:
        made.offer(name)
    server: Server[Any] = Server("peer", on_list_tools=made.list, on_call_tool=made.call)
    manager = StreamableHTTPSessionManager(
        server, security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False)
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        made.authorization.append(headers.get(b"authorization", b"").decode())
        if scope["path"].startswith("/status/"):
            status = int(scope["path"].rpartition("/")[2])
            more = [(b"retry-after", b"7")] if status == 429 else []
            await send({"type": "http.response.start", "status": status, "headers": more})
            await send({"type": "http.response.body", "body": headers.get(b"authorization", b"no")})
            return
        await manager.handle_request(scope, receive, send)

    # Its own set-up of logging would hold for the whole process, and keep its lines from everybody else's handlers.
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    serving = uvicorn.Server(config)
    serving.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are the test run's

    async def serve() -> None:
        # A group of tasks is left by the task that entered it; a fixture ends in another one.
        async with manager.run():
            await serving.serve([listening])

    task = asyncio.create_task(serve())
    try:
        yield made
    finally:
        serving.should_exit = True
        await task


@asynccontextmanager
async def process_server() -> AsyncIterator[str]:
    """A server in a process of its own; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, str(PROCESS), "http", str(port))
    try:
        for _ in range(400):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            break
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def hostile_server() -> AsyncIterator[str]:
    """Speaks the modern era by hand: `/huge`, `/endless`, `/html`, `/redirect`, `/nonsense`; the base URL."""

    numbers = itertools.count()

    async def answer(request: web.Request) -> web.StreamResponse:
        what = request.path.strip("/")
        asked = await request.json() if request.can_read_body else {}
        if what == "redirect":
            return web.Response(status=307, headers={"location": "http://169.254.169.254/mcp"})
        if what == "html":
            return web.Response(text="<p>hello", content_type="text/html")
        if asked.get("method") == "server/discover":
            told: Any = {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "ttlMs": 0,
                "cacheScope": "private",
            }
        elif what == "nonsense":
            told = {"tools": [{"name": 4}]}
        elif what == "huge":
            told = {"tools": [], "x": "x" * 6_000_000}
        else:
            tool = {"name": f"t{next(numbers)}", "inputSchema": {"type": "object"}}
            told = {"tools": [tool], "nextCursor": "more"}
        told |= {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        return web.json_response({"jsonrpc": "2.0", "id": asked.get("id"), "result": told})

    app = web.Application()
    app.router.add_route("*", "/{what}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
