"""MCP servers imported: each tool is a capability, pinned by its digest; what changes is off until it is approved."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import msgspec

from roundhouse.core.errors import BadInput, Conflict, NotAllowed, NotFound, RoundhouseError
from roundhouse.core.transports import OfferedTool, ToolSource
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.schemas import CapabilityRead
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.capabilities.store import Kept, sites_of
from roundhouse.features.tasks.capabilities.validating import make_checker
from roundhouse.features.tasks.mcp.schemas import McpApprove, McpChecked, McpImport, McpImported, McpTool
from roundhouse.features.tasks.model import Capability, NewCapability
from roundhouse.infra.db import Database

TRANSPORT = "mcp"
CHECK = "capability.mcp_check"
"""Kind of the job that asks all servers each night, and who it is in the audit log."""
_LIST_TIMEOUT_S = 30.0
_NAME_CHARS = 128


class Server(msgspec.Struct, frozen=True):
    """Where tools come from.

    Attributes:
        endpoint: Of the server, without a tool.
        headers: What it wants to be told.
        trusted: Whether an operator gave the address.
    """

    endpoint: dict[str, Any]
    headers: dict[str, str]
    trusted: bool

    def __repr__(self) -> str:
        """Without its headers."""
        return f"Server({self.name!r})"

    @property
    def name(self) -> str:
        """URL, or the program's name."""
        return str(self.endpoint.get("url") or self.endpoint.get("server"))


class _Found(msgspec.Struct, frozen=True):
    """A tool beside what is registered for it."""

    name: str
    offered: OfferedTool
    known: Capability | None
    fault: str | None

    @property
    def is_changed(self) -> bool:
        return self.known is not None and self.known.digest != self.offered.digest


class McpImports:
    """Imports, checks and approves.

    Args:
        db: The database.
        registry: Which capabilities there are.
        capabilities: Registers them.
        source: Gives what lists tools; made when it is first needed.
    """

    def __init__(
        self,
        db: Database,
        registry: CapabilityRegistry,
        capabilities: CapabilityService,
        source: Callable[[], ToolSource],
    ) -> None:
        self._db = db
        self._registry = registry
        self._capabilities = capabilities
        self._source = source

    async def take(self, caller: Caller, asked: McpImport) -> McpImported:
        """Show the tools of a server; with `apply` register the new ones and turn off those that changed or are gone.

        Raises:
            NotAllowed: Programs of this machine are for admins.
            BadInput, AddressRefused, TargetRefused, BackendFailed: The server cannot be asked.
        """
        if asked.server is not None and not caller.may("admin"):
            raise NotAllowed("Programs of this machine are registered by admins.")
        endpoint = {"url": asked.url} if asked.url is not None else {"server": asked.server}
        headers = asked.auth.all_headers() if asked.auth is not None else {}
        server = Server(endpoint, headers, caller.may("admin"))
        registered = self._registered(caller, server.name)
        if asked.auth is None and registered:
            # Who imports again need not tell the credential again.
            server = msgspec.structs.replace(server, headers=self._headers(registered[0]))
        offered = [one for one in await self._offered(server) if _wanted(one.name, asked.include)]
        prefix = asked.prefix or asked.server or urlsplit(asked.url or "").hostname or TRANSPORT
        found = self._compare(caller, offered, registered, prefix)
        told = {one.name for one in offered}
        gone = [
            one
            for one in registered
            if one.endpoint["tool"] not in told and _wanted(str(one.endpoint["tool"]), asked.include)
        ]
        if asked.apply:
            for one in found:
                if one.known is None and one.fault is None:
                    await self._register(caller, server, one)
            await self._turn_off(caller, found, gone)
            await self._capabilities.published()
        tools = [_read(one, applied=asked.apply) for one in found] + [_read_gone(one) for one in gone]
        return McpImported(server=server.name, applied=asked.apply, tools=tools)

    async def check(self, caller: Caller) -> McpChecked:
        """Ask every server of the caller's tenant again, and turn off what changed or is gone."""
        checked = McpChecked(checked=0, disabled=[], unreachable={})
        for name, registered in self._servers(caller).items():
            first = registered[0]
            headers = self._headers(first)
            endpoint = {key: first.endpoint[key] for key in ("url", "server") if first.endpoint.get(key)}
            try:
                offered = {
                    one.name: one for one in await self._offered(Server(endpoint, headers, first.trusted))
                }
            except RoundhouseError as error:
                checked.unreachable[name] = error.detail
                continue
            checked.checked += 1
            for one in registered:
                tool = offered.get(str(one.endpoint["tool"]))
                if one.enabled and (tool is None or tool.digest != one.digest):
                    await self._disable(caller, one, tool)
                    checked.disabled.append(one.name)
        if checked.disabled:
            await self._capabilities.published()
        return checked

    async def check_all(self) -> McpChecked:
        """The same for every tenant."""
        async with self._db.read() as tx:
            sites = await sites_of(tx, "mcp")
        found = McpChecked(checked=0, disabled=[], unreachable={})
        for site_id in sites:
            one = await self.check(Caller(CHECK, site_id=site_id, scopes=frozenset({"capabilities"})))
            found.checked += one.checked
            found.disabled += one.disabled
            found.unreachable |= one.unreachable
        return found

    async def approve(self, caller: Caller, asked: McpApprove) -> CapabilityRead:
        """Take a changed tool over as it was looked at, and turn it on.

        Raises:
            NotFound: There is no such capability of the caller's tenant, or its server has no such tool any more.
            BadInput: It is no tool of an MCP server, or its schemas cannot be used.
            Conflict: The tool is again another one than was looked at.
            TargetRefused, BackendFailed: The server cannot be asked.
        """
        one = self._own(caller, asked.capability)
        headers = self._headers(one)
        offered = await self._offered(Server(_without_tool(one.endpoint), headers, one.trusted))
        tool = next((found for found in offered if found.name == one.endpoint["tool"]), None)
        if tool is None:
            raise NotFound(f"The server has no tool {one.endpoint['tool']!r} any more.", param="capability")
        if tool.digest != asked.digest:
            raise Conflict("The tool is another one than you looked at; look at it again.", param="digest")
        new = _new(one.name, tool, _without_tool(one.endpoint), None)
        new = msgspec.structs.replace(
            new,
            tags=one.tags,
            labels=one.labels,
            timeout_s=one.timeout_s,
            visibility=one.visibility,
            expose_mcp=one.expose_mcp,
            kept=one.kept,
            cost_units=one.cost_units,
        )
        async with self._db.begin() as tx:
            await self._capabilities.put(tx, caller, new)
        await self._capabilities.published()
        return self._capabilities.show(caller, one.name)

    async def _offered(self, server: Server) -> list[OfferedTool]:
        return await self._source().tools(
            server.endpoint, secrets=server.headers, trusted=server.trusted, timeout_s=_LIST_TIMEOUT_S
        )

    def _headers(self, one: Capability) -> dict[str, str]:
        return self._capabilities.headers_of(Kept(one, 0, self._registry.sealed(one)))

    def _servers(self, caller: Caller) -> dict[str, list[Capability]]:
        found: dict[str, list[Capability]] = {}
        for one in self._registry.every(caller):
            if one.origin == "mcp" and one.site_id == caller.site_id:
                found.setdefault(one.origin_ref, []).append(one)
        return found

    def _registered(self, caller: Caller, name: str) -> list[Capability]:
        return self._servers(caller).get(name, [])

    def _own(self, caller: Caller, name: str) -> Capability:
        one = self._registry.look_up(caller, name)
        if one is None or one.site_id != caller.site_id:
            raise NotFound(f"There is no capability {name!r}.", param="capability")
        if one.origin != "mcp":
            raise BadInput("It is no tool of an MCP server.", param="capability")
        return one

    def _compare(
        self, caller: Caller, offered: Sequence[OfferedTool], registered: Sequence[Capability], prefix: str
    ) -> list[_Found]:
        known = {str(one.endpoint["tool"]): one for one in registered}
        taken = {one.name for one in registered}
        found = []
        for tool in offered:
            before = known.get(tool.name)
            if before is not None:
                found.append(_Found(before.name, tool, before, None))
                continue
            name = capability_name(prefix, tool.name)
            if name in taken:
                name = f"{name[: _NAME_CHARS - 7]}-{hashlib.sha256(tool.name.encode()).hexdigest()[:6]}"
            taken.add(name)
            fault = _fault(tool)
            own = self._registry.look_up(caller, name)
            if own is not None and own.site_id == caller.site_id:
                fault = f"The name {name!r} is taken by another capability; choose a prefix."
            found.append(_Found(name, tool, None, fault))
        return found

    async def _register(self, caller: Caller, server: Server, one: _Found) -> None:
        new = _new(one.name, one.offered, server.endpoint, server.headers)
        async with self._db.begin() as tx:
            await self._capabilities.put(tx, caller, new)

    async def _turn_off(self, caller: Caller, found: Sequence[_Found], gone: Sequence[Capability]) -> None:
        for one in found:
            if one.known is not None and one.known.enabled and one.is_changed:
                await self._disable(caller, one.known, one.offered)
        for lost in gone:
            if lost.enabled:
                await self._disable(caller, lost, None)

    async def _disable(self, caller: Caller, one: Capability, tool: OfferedTool | None) -> None:
        more = {"reason": "tool_gone"} if tool is None else {"reason": "tool_changed", "digest": tool.digest}
        # One at a time: an event is the last thing in its transaction.
        async with self._db.begin() as tx:
            await self._capabilities.mark(
                tx, caller, one.name, "disabled", {"enabled": False, "state": "drifted"}, more
            )


def capability_name(prefix: str, tool: str) -> str:
    """The name of a tool's capability."""
    word = re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9_-]+", "-", tool)).strip("-_") or "tool"
    return f"{prefix}.{word}"[:_NAME_CHARS]


def _wanted(tool: str, include: Sequence[str] | None) -> bool:
    return include is None or any(fnmatchcase(tool, pattern) for pattern in include)


def _without_tool(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {key: endpoint[key] for key in ("url", "server") if endpoint.get(key)}


def _fault(tool: OfferedTool) -> str | None:
    """Why a tool cannot be a capability; None = it can."""
    try:
        make_checker(tool.input_schema, "input_schema")
        if tool.output_schema is not None:
            make_checker(tool.output_schema, "output_schema")
    except RoundhouseError as error:
        return error.detail
    return None


def _new(
    name: str, tool: OfferedTool, endpoint: dict[str, Any], headers: dict[str, str] | None
) -> NewCapability:
    return NewCapability(
        name=name,
        title=tool.title[:200],
        description=tool.description[:20_000],
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        idempotent=tool.is_idempotent,
        enabled=True,
        transport=TRANSPORT,
        endpoint={**endpoint, "tool": tool.name, "digest": tool.digest},
        headers=headers,
        origin="mcp",
        origin_ref=str(endpoint.get("url") or endpoint.get("server")),
        digest=tool.digest,
    )


def _read(one: _Found, *, applied: bool) -> McpTool:
    enabled = one.known is not None and one.known.enabled and not (applied and one.is_changed)
    if one.known is None:
        change = "unusable" if one.fault is not None else "new"
        enabled = applied and one.fault is None
    else:
        change = "changed" if one.is_changed else "same"
    return McpTool.model_validate(
        {
            "tool": one.offered.name,
            "capability": one.name,
            "change": change,
            "digest": one.offered.digest,
            "approved_digest": None if one.known is None else one.known.digest,
            "enabled": enabled,
            "reason": one.fault,
            "description": one.offered.description,
            "input_schema": one.offered.input_schema,
            "output_schema": one.offered.output_schema,
        }
    )


def _read_gone(one: Capability) -> McpTool:
    return McpTool(
        tool=str(one.endpoint["tool"]),
        capability=one.name,
        change="gone",
        digest="",
        approved_digest=one.digest,
        enabled=False,
        reason="The server has no such tool any more.",
        description=one.description,
        input_schema=one.input_schema,
        output_schema=one.output_schema,
    )
