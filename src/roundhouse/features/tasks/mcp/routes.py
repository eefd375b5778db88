"""The route of the MCP server."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.schemas import CapabilityRead
from roundhouse.features.tasks.mcp.gate import McpGate
from roundhouse.features.tasks.mcp.imports import McpImports
from roundhouse.features.tasks.mcp.schemas import McpApprove, McpChecked, McpImport, McpImported
from roundhouse.infra.auth import require
from roundhouse.infra.web import Receive, Scope, Send

Manager = Annotated[Caller, Depends(require("capabilities"))]
McpCaller = Annotated[Caller, Depends(require("mcp"))]
PATH = "/mcp"


class _Answer(Response):
    """The rest of the request is the MCP server's."""

    def __init__(self, gate: McpGate, caller: Caller) -> None:
        super().__init__()
        self._gate = gate
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate.answer(self._caller, scope, receive, send)


def router(gate: McpGate, imports: McpImports) -> APIRouter:
    """The routes.

    Args:
        gate: The server.
        imports: Other people's servers.
    """
    routes = APIRouter()
    _serving(routes, gate)
    _importing(routes, imports)
    return routes


def _serving(routes: APIRouter, gate: McpGate) -> None:

    @routes.post(
        PATH,
        operation_id="mcp",
        tags=["mcp"],
        responses={
            200: {"description": "JSON-RPC, as one answer or as a stream of events.", "content": _ANSWERS},
            400: {
                "description": "No JSON-RPC, told in its form; or no JSON, told in ours.",
                "content": _FAULTS,
            },
        },
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": _MESSAGE}}}
        },
    )
    async def mcp(request: Request, caller: McpCaller) -> Response:
        """Capabilities as MCP tools, over streamable HTTP; any MCP client speaks to it, with the key as Bearer."""
        return _Answer(gate, caller)


def _importing(routes: APIRouter, imports: McpImports) -> None:
    @routes.post("/v1/capabilities/import/mcp", operation_id="import_mcp", tags=["mcp"])
    async def import_mcp(caller: Manager, body: McpImport) -> McpImported:
        """Look at the tools of an MCP server; with `apply` they become capabilities, and those that changed are off."""
        return await imports.take(caller, body)

    @routes.post("/v1/capabilities/import/mcp/check", operation_id="check_mcp", tags=["mcp"])
    async def check_mcp(caller: Manager) -> McpChecked:
        """Ask all imported servers again; what changed or is gone is off until it is approved."""
        return await imports.check(caller)

    @routes.post("/v1/capabilities/import/mcp/approve", operation_id="approve_mcp", tags=["mcp"])
    async def approve_mcp(caller: Manager, body: McpApprove) -> CapabilityRead:
        """Take a changed tool over as you looked at it, and turn it on again."""
        return await imports.approve(caller, body)


_MESSAGE = {"type": "object", "description": "One JSON-RPC 2.0 message of the Model Context Protocol."}
_ANSWERS = {"application/json": {"schema": _MESSAGE}, "text/event-stream": {"schema": {"type": "string"}}}
_FAULTS = {
    "application/json": {"schema": _MESSAGE},
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
}
