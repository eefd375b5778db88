"""MCP servers: a capability is a tool of one, over streamable HTTP, or of a program that the operator wrote down.

A tool is called only as long as it is what was approved: its definition is asked for with every call and compared with
the digest that the capability has. The SDK is loaded at the first call, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from roundhouse.backends.transports.mcp_endpoint import McpEndpoint, read_endpoint
from roundhouse.core.errors import BackendTimeout, BadInput
from roundhouse.core.transports import CapabilityCall, CapabilityReply, OfferedTool, TransportContext
from roundhouse.core.types import Caller

if TYPE_CHECKING:
    from roundhouse.backends.transports.mcp_sessions import Sessions

_SESSIONS = "roundhouse.backends.transports.mcp_sessions"


class McpTransport:
    """`core.transports.Transport`, and `core.transports.ToolSource`.

    Args:
        context: Ways out.
    """

    def __init__(self, context: TransportContext) -> None:
        self._context = context
        self._loading = asyncio.Lock()
        self._sessions: Sessions | None = None

    def check(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Refuse what no call could use; see `core.transports.Transport`."""
        read = read_endpoint(endpoint)
        if not read.tool:
            raise BadInput("Which tool of the server?", param="endpoint.tool")
        self._check_place(read, trusted=trusted)

    async def check_inside(self, endpoint: Mapping[str, Any], *, trusted: bool) -> None:
        """Look its address up; a program of this machine is inside. See `core.transports.Transport`."""
        read = read_endpoint(endpoint)
        if read.url:
            await self._context.http.check_inside(read.url, trusted=trusted)

    async def call(self, call: CapabilityCall) -> CapabilityReply:
        """Ask once; see `core.transports.Transport`."""
        endpoint = read_endpoint(call.endpoint)
        self._check_place(endpoint, trusted=call.trusted)
        sessions = await self._opened()
        try:
            async with asyncio.timeout(call.timeout_s):
                return await sessions.call(endpoint, call)
        except TimeoutError:
            raise BackendTimeout(f"{call.capability} did not answer within {call.timeout_s:g} s.") from None

    async def tools(
        self, endpoint: Mapping[str, Any], *, secrets: Mapping[str, str], trusted: bool, timeout_s: float
    ) -> list[OfferedTool]:
        """What a server offers; see `core.transports.ToolSource`."""
        read = read_endpoint(endpoint)
        self._check_place(read, trusted=trusted)
        name = read.url or read.server
        call = CapabilityCall(name, endpoint, None, Caller("import"), "", timeout_s, trusted, secrets)
        sessions = await self._opened()
        try:
            async with asyncio.timeout(timeout_s):
                return await sessions.tools(read, call)
        except TimeoutError:
            raise BackendTimeout(f"{name} did not answer within {timeout_s:g} s.") from None

    async def close(self) -> None:
        """End all programs."""
        if self._sessions is not None:
            await self._sessions.close()

    def _check_place(self, endpoint: McpEndpoint, *, trusted: bool) -> None:
        if endpoint.server:
            if endpoint.server not in self._context.programs:
                raise BadInput(
                    f"The settings have no MCP server {endpoint.server!r}.", param="endpoint.server"
                )
            if not trusted:
                raise BadInput("Programs of this machine are registered by admins.", param="endpoint.server")
        else:
            self._context.http.endpoint("POST", endpoint.url, trusted=trusted)

    async def _opened(self) -> Sessions:
        async with self._loading:
            if self._sessions is None:
                module = await asyncio.to_thread(import_module, _SESSIONS)
                made: Sessions = module.Sessions(self._context)
                self._sessions = made
        return self._sessions
