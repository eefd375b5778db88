"""The MCP server itself, by the official SDK's low-level `Server`: both eras of the protocol, each request for itself.

Nobody but `gate` imports this, and only when it is asked for.

Source:
    modelcontextprotocol.io/specification, revisions 2025-11-25 (handshake) and 2026-07-28 (one exchange a request).
"""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError

from roundhouse.core.errors import BadInput, NotFound, RoundhouseError
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.names import tool_name
from roundhouse.features.tasks.mcp import tools
from roundhouse.features.tasks.mcp.model import ENDED, ToolRun, ToolRuns
from roundhouse.features.tasks.model import Calling, Capability, Registry

CALLER = "roundhouse.caller"
"""Where the request's scope has the caller."""

PAGE = 200
_WAIT_S = 45.0
_MOST_LISTENERS = 256
_INSTRUCTIONS = (
    "Tools are capabilities of this Roundhouse. A call that takes long answers with a task_id: ask task_wait for its "
    "end."
)


class ToolServer:
    """Lists and calls tools for whoever the request says.

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
        self._bus = InMemorySubscriptionBus()
        self._listening = ListenHandler(self._bus, max_subscriptions=_MOST_LISTENERS)
        server: Server[Any] = Server(
            "roundhouse",
            title="Roundhouse",
            version=version,
            instructions=_INSTRUCTIONS,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_subscriptions_listen=self._listening,
            # Without it every call would list all tools, to look for parameters that travel as headers; ours do not.
            get_tool_input_schema=_no_schema,
        )
        # Host and Origin were checked by the front, by the settings of the whole server: one truth.
        unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self.manager = StreamableHTTPSessionManager(
            server, stateless=True, security_settings=unchecked, max_request_body_size=most_body_bytes
        )

    async def changed(self) -> None:
        """Tell who listens that the list of tools is another one."""
        await self._bus.publish(ToolsListChanged())

    def hush(self) -> None:
        """End the streams of who listens."""
        self._listening.close()

    async def list_tools(
        self, ctx: Any, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """`tools/list`: what the caller sees, a page of it; never to be kept, for it changes at any moment."""
        found = [_tool(one) for one in tools.shown(await self._registry.visible(_caller(ctx)))]
        if self._runs.tracks:
            found += [
                types.Tool(name=name, description=about, input_schema=schema)
                for name, about, schema in tools.TASK_TOOLS
            ]
        after = params.cursor if params is not None and params.cursor else ""
        page = [one for one in sorted(found, key=lambda tool: tool.name) if one.name > after][: PAGE + 1]
        more = page[PAGE - 1].name if len(page) > PAGE else None
        return types.ListToolsResult(tools=page[:PAGE], next_cursor=more, ttl_ms=0, cache_scope="private")

    async def call_tool(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        """`tools/call`: what went wrong is told as a result, for a model to read and mend."""
        caller = _caller(ctx)
        try:
            if self._runs.tracks and params.name in (tools.TASK_GET, tools.TASK_WAIT):
                return _result(None, await self._look(caller, params))
            capability = await self._named(caller, params.name)
            given = tools.given_of(capability, params.arguments)
            self._calling.check_input(capability, given)
            return _result(capability, await self._runs.run(caller, capability, given, _WAIT_S))
        except RoundhouseError as error:
            return _failed(error.code, error.detail, error.param)

    async def _named(self, caller: Caller, name: str) -> Capability:
        try:
            capability = await self._registry.by_tool(caller, name)
        except NotFound:
            capability = None
        if capability is None or not capability.expose_mcp:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {name[:200]}")
        return capability

    async def _look(self, caller: Caller, params: types.CallToolRequestParams) -> ToolRun:
        arguments = params.arguments or {}
        task_id, wait_s = arguments.get("task_id"), arguments.get("wait_s", 20.0)
        if not isinstance(task_id, str):
            raise BadInput("task_id must be a text.", param="task_id")
        if (
            isinstance(wait_s, bool)
            or not isinstance(wait_s, int | float)
            or not 0 <= wait_s <= tools.LONGEST_WAIT_S
        ):
            raise BadInput(f"wait_s must be between 0 and {tools.LONGEST_WAIT_S:g}.", param="wait_s")
        return await self._runs.look(caller, task_id, wait_s if params.name == tools.TASK_WAIT else 0.0)


def make(
    registry: Registry, calling: Calling, runs: ToolRuns, version: str, most_body_bytes: int
) -> ToolServer:
    """The server; what `gate` calls by name."""
    return ToolServer(registry, calling, runs, version, most_body_bytes)


def _no_schema(name: str) -> None:
    return None


def _caller(ctx: Any) -> Caller:
    caller: Caller = ctx.request.scope[CALLER]
    return caller


def _tool(capability: Capability) -> types.Tool:
    return types.Tool(
        name=tool_name(capability.name),
        title=capability.title or None,
        description=tools.described(capability),
        input_schema=tools.input_schema(capability),
        output_schema=tools.output_schema(capability),
        annotations=types.ToolAnnotations(idempotent_hint=capability.idempotent),
    )


def _result(capability: Capability | None, run: ToolRun) -> types.CallToolResult:
    """How a run stands, as the answer of a tool; of a tool that tells of tasks the standing itself is the answer."""
    if capability is not None and run.state == "completed":
        structured = run.output if isinstance(run.output, dict) else None
        return _answer(tools.text_of(run.output), structured)
    if capability is not None and run.state in ENDED:
        error = run.error or {}
        return _failed(
            str(error.get("code", run.state)), str(error.get("message", f"The task was {run.state}.")), None
        )
    told: dict[str, Any] = {"task_id": run.task_id, "state": run.state}
    if run.state == "completed":
        told["output"] = run.output
    if run.error is not None:
        told["error"] = run.error
    if run.state not in ENDED:
        told["note"] = "It is not done yet: call task_wait with this task_id."
    if capability is not None and tools.output_schema(capability) is not None:
        # An answer of another shape than was promised would be refused by clients; told as what it is not: an answer.
        return _failed("not_done_yet", tools.text_of(told), None)
    return _answer(tools.text_of(told), told)


def _answer(text: str, structured: dict[str, Any] | None) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=structured
    )


def _failed(code: str, message: str, param: str | None) -> types.CallToolResult:
    where = f" (at {param})" if param else ""
    text = f"{code}: {message}{where}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)
