"""Sessions with MCP servers by the official SDK: over HTTP one a call, with a program one for as long as it lives.

Answers are not checked by the SDK: it would compile a stranger's schema, with patterns that take for ever. Whoever
calls a capability checks its output by rules of our own.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as types
import msgspec
from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from roundhouse.backends.transports.mcp_endpoint import McpEndpoint
from roundhouse.backends.transports.mcp_http import GuardedHttp
from roundhouse.core.errors import (
    BackendBadAnswer,
    BackendDown,
    BackendFailed,
    BackendRefused,
    BackendTimeout,
    RoundhouseError,
    TargetRefused,
)
from roundhouse.core.transports import CapabilityCall, CapabilityReply, OfferedTool, Program, TransportContext

MOST_TOOLS = 1000
_MOST_PAGES = 50
_KEY = "dev.roundhouse/idempotency-key"
_END_S = 10.0
_FAULTS = (
    MCPError,
    ValidationError,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
    OSError,
    RuntimeError,
    ExceptionGroup,
)
"""What the SDK raises besides what its tasks raise in groups."""


class _Asked(msgspec.Struct):
    tools: list[types.Tool]
    result: types.CallToolResult | None = None


class Sessions:
    """Calls tools.

    Args:
        context: Ways out.
    """

    def __init__(self, context: TransportContext) -> None:
        self._context = context
        self._programs: dict[str, _Held] = {}

    async def tools(self, endpoint: McpEndpoint, call: CapabilityCall) -> list[OfferedTool]:
        """All tools of a server, by name; raises what `core.transports.ToolSource` says."""
        way = self._way(endpoint, call)
        try:
            async with self._session(endpoint, way) as session:
                found = await _listed(session)
        except _FAULTS as error:
            raise _told(error, way, call) from error
        if found is None:
            raise BackendBadAnswer(
                f"{call.capability} has more than {MOST_TOOLS} tools, or a list without an end."
            )
        return sorted(map(_offered, found), key=lambda tool: tool.name)

    async def call(self, endpoint: McpEndpoint, call: CapabilityCall) -> CapabilityReply:
        """Call a tool that is what it was; raises what `core.transports.Transport` says."""
        way = self._way(endpoint, call)
        try:
            async with self._session(endpoint, way) as session:
                asked = await _asked(session, endpoint, call)
        except _FAULTS as error:
            raise _told(error, way, call) from error
        if asked.result is None:
            raise TargetRefused(_why_not(asked.tools, endpoint, call))
        return _reply(asked.result, endpoint, call)

    async def close(self) -> None:
        """End all programs."""
        for held in self._programs.values():
            await held.close()

    def _way(self, endpoint: McpEndpoint, call: CapabilityCall) -> GuardedHttp:
        return GuardedHttp(self._context.http, call, endpoint.answer_limit_bytes, self._context.clock)

    def _session(self, endpoint: McpEndpoint, way: GuardedHttp) -> AbstractAsyncContextManager[ClientSession]:
        if not endpoint.server:
            return _over_http(endpoint, way)
        held = self._programs.get(endpoint.server)
        if held is None:
            held = self._programs[endpoint.server] = _Held(self._context.programs[endpoint.server])
        return held.session()


@asynccontextmanager
async def _over_http(endpoint: McpEndpoint, way: GuardedHttp) -> AsyncIterator[ClientSession]:
    async with httpx2.AsyncClient(transport=way, timeout=None, trust_env=False) as http:
        opened = streamable_http_client(
            endpoint.url, http_client=http, max_sse_event_size=endpoint.answer_limit_bytes
        )
        async with Client(opened, cache=None) as client:
            yield client.session


class _Held:
    """A program with its session. It is started when it is first asked, and anew when it has died.

    Args:
        program: What is started.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._starting = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ClientSession]:
        """The session; one that fails is not used again."""
        async with self._starting:
            if self._session is not None and not await _lives(self._session):
                await self._drop(self._session)
            if self._session is None:
                await self._start()
        session = self._session
        if session is None:
            raise BackendDown(f"The program {self._program.command[0]} ended at once.")
        try:
            yield session
        except MCPError as error:
            if error.code == types.CONNECTION_CLOSED:
                await self._drop(session)
            raise
        except (OSError, RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self._drop(session)
            raise

    async def close(self) -> None:
        """End the program."""
        if self._session is not None:
            await self._drop(self._session)

    async def _start(self) -> None:
        opened: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self._ending = asyncio.Event()
        self._life = asyncio.create_task(self._live(opened, self._ending), name="mcp program")
        # A caller whose time is over must not end what others wait for.
        self._session = await asyncio.shield(opened)

    async def _drop(self, session: ClientSession) -> None:
        if self._session is not session:
            return
        self._session = None
        self._ending.set()
        if self._life is not None:
            await asyncio.wait([self._life], timeout=_END_S)

    async def _live(self, opened: asyncio.Future[ClientSession], ending: asyncio.Event) -> None:
        # Its tasks belong to a group that must be left by the task that entered it.
        command, *arguments = self._program.command
        parameters = StdioServerParameters(
            command=command,
            args=arguments,
            env=dict(self._program.env) or None,
            cwd=self._program.cwd or None,
        )
        try:
            async with Client(parameters, cache=None) as client:
                opened.set_result(client.session)
                await ending.wait()
        except _FAULTS as error:
            if not opened.done():
                opened.set_exception(error)


async def _lives(session: ClientSession) -> bool:
    """Whether a session answers: what died since its last call is found before a tool is called, not by calling it."""
    try:
        await session.list_tools()
    except (MCPError, OSError, RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError):
        return False
    return True


async def _listed(session: ClientSession) -> list[types.Tool] | None:
    """All tools; None = too many."""
    found: list[types.Tool] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        params = types.PaginatedRequestParams(cursor=cursor) if cursor else None
        page = await session.list_tools(params=params)
        found += page.tools
        cursor = page.next_cursor
        if len(found) > MOST_TOOLS:
            return None
        if not cursor:
            return found
    return None


async def _asked(session: ClientSession, endpoint: McpEndpoint, call: CapabilityCall) -> _Asked:
    tools = await _listed(session) or []
    tool = next((one for one in tools if one.name == endpoint.tool), None)
    if tool is None or (endpoint.digest and _offered(tool).digest != endpoint.digest):
        return _Asked(tools)
    arguments = call.input if isinstance(call.input, dict) else {"input": call.input}
    meta: Any = {_KEY: call.idempotency_key}
    params = types.CallToolRequestParams(name=endpoint.tool, arguments=arguments, _meta=meta)
    request = types.CallToolRequest(params=params)
    return _Asked(tools, await session.send_request(request, types.CallToolResult))


def _why_not(tools: list[types.Tool], endpoint: McpEndpoint, call: CapabilityCall) -> str:
    if any(tool.name == endpoint.tool for tool in tools):
        return (
            f"The tool behind {call.capability} is not what was approved; approve it anew, then it is called."
        )
    return f"The server of {call.capability} has no tool {endpoint.tool!r} any more."


def _reply(result: types.CallToolResult, endpoint: McpEndpoint, call: CapabilityCall) -> CapabilityReply:
    output = _output(result)
    if result.is_error:
        said = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        raise BackendFailed(f"The tool behind {call.capability} says: {said[:500]}")
    request = {"server": endpoint.url or endpoint.server, "tool": endpoint.tool, "arguments": call.input}
    return CapabilityReply(output, request, {"content": [block.type for block in result.content]})


def _output(result: types.CallToolResult) -> Any:
    """The structured answer; else its texts; else all it is made of."""
    if result.structured_content is not None:
        return result.structured_content
    if not result.content:
        return None
    texts = [block.text for block in result.content if isinstance(block, types.TextContent)]
    if len(texts) == len(result.content):
        return "\n".join(texts)
    shown = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
    return {"content": shown}


def _offered(tool: types.Tool) -> OfferedTool:
    pinned = {
        "name": tool.name,
        "description": tool.description or "",
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
    }
    canonical = msgspec.json.encode(pinned, order="deterministic")
    hints = tool.annotations
    return OfferedTool(
        name=tool.name,
        title=tool.title or (hints.title if hints is not None else None) or "",
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        is_idempotent=bool(hints is not None and (hints.idempotent_hint or hints.read_only_hint)),
        digest=hashlib.sha256(canonical).hexdigest(),
    )


def _told(error: BaseException, way: GuardedHttp, call: CapabilityCall) -> RoundhouseError:
    """A fault of the SDK as one of the tree; one of the way there comes first."""
    if way.failure is not None:
        return way.failure
    single = _single(error)
    if isinstance(single, RoundhouseError):
        return single
    name = call.capability
    if isinstance(single, MCPError):
        said = f"{name} says: {single.error.message[:500]}"
        kinds: dict[int, type[RoundhouseError]] = {
            types.INVALID_PARAMS: BackendRefused,
            types.METHOD_NOT_FOUND: TargetRefused,
            types.PARSE_ERROR: BackendBadAnswer,
            types.CONNECTION_CLOSED: BackendDown,
            types.REQUEST_TIMEOUT: BackendTimeout,
        }
        return kinds.get(single.error.code, BackendFailed)(said)
    if isinstance(single, ValidationError):
        return BackendBadAnswer(f"{name} answers with what MCP does not know.")
    if isinstance(single, OSError):
        return BackendDown(f"{name} cannot be reached: {single.strerror or type(single).__name__}.")
    return BackendFailed(f"The session with {name} broke ({type(single).__name__}).")


def _single(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
