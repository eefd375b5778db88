"""The way to the MCP server: it is made when somebody first asks, and lives until the process ends."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from roundhouse.core.errors import ShuttingDown
from roundhouse.core.types import Caller
from roundhouse.features.tasks.mcp.model import ToolRuns
from roundhouse.features.tasks.model import Calling, Registry
from roundhouse.infra.web import Receive, Scope, Send

if TYPE_CHECKING:
    from roundhouse.features.tasks.mcp.serving import ToolServer

_SERVING = "roundhouse.features.tasks.mcp.serving"


class McpGate:
    """Serves `/mcp`.

    Args:
        registry: Which capabilities there are.
        calling: Checks inputs.
        runs: Runs them.
        version: Of the product.
        most_body_bytes: Largest request.
    """

    def __init__(
        self, registry: Registry, calling: Calling, runs: ToolRuns, version: str, most_body_bytes: int
    ) -> None:
        self._registry = registry
        self._calling = calling
        self._runs = runs
        self._version = version
        self._most_body_bytes = most_body_bytes
        self._opening = asyncio.Lock()
        self._server: ToolServer | None = None
        self._life: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._told_revision = registry.revision

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of somebody who may.

        Raises:
            ShuttingDown: The process ends.
        """
        server = await self._open()
        scope["roundhouse.caller"] = caller
        await server.manager.handle_request(scope, receive, send)

    async def look_around(self) -> None:
        """Tell who listens when the capabilities are other ones; called at every change of the configuration."""
        if self._registry.revision != self._told_revision:
            self._told_revision = self._registry.revision
            if self._server is not None:
                await self._server.changed()

    def drain(self) -> None:
        """End what would never end by itself."""
        if self._server is not None:
            self._server.hush()

    async def close(self) -> None:
        """End all that runs."""
        self._ending.set()
        if self._life is not None:
            await asyncio.wait([self._life])

    async def _open(self) -> ToolServer:
        if self._server is None:
            async with self._opening:
                if self._server is None:
                    self._server = await self._begin()
        if self._ending.is_set():
            raise ShuttingDown
        return self._server

    async def _begin(self) -> ToolServer:
        # A second of work that others need not wait for.
        module = await asyncio.to_thread(import_module, _SERVING)
        server: ToolServer = module.make(
            self._registry, self._calling, self._runs, self._version, self._most_body_bytes
        )
        ready = asyncio.Event()
        self._life = asyncio.create_task(self._live(server, ready), name="mcp")
        await ready.wait()
        return server

    async def _live(self, server: ToolServer, ready: asyncio.Event) -> None:
        # Its tasks belong to a group that must be left by the task that entered it.
        async with server.manager.run():
            ready.set()
            await self._ending.wait()
