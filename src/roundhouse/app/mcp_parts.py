"""What every process has of imported MCP servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from roundhouse.core import registry
from roundhouse.core.ports import Vendor
from roundhouse.core.settings_lists import McpServerSettings
from roundhouse.core.transports import Program, ToolSource, TransportContext
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.mcp.imports import TRANSPORT, McpImports
from roundhouse.features.tasks.mcp.jobs import McpJobs
from roundhouse.infra.db import Database


class McpSource(ToolSource, Vendor, Protocol):
    """What lists the tools of MCP servers."""


class McpParts:
    """What every process has of imported servers.

    Args:
        db: The database.
        capabilities: Which there are.
        service: Registers them.
        context: What transports get.

    Attributes:
        imports: Imports, checks, approves.
        jobs: That it is checked each night.
    """

    def __init__(
        self,
        db: Database,
        capabilities: CapabilityRegistry,
        service: CapabilityService,
        context: TransportContext,
    ) -> None:
        self._context = context
        self._opened: McpSource | None = None
        self.imports = McpImports(db, capabilities, service, self._source)
        self.jobs = McpJobs(self.imports)

    async def close(self) -> None:
        """End the programs that were asked for their tools."""
        if self._opened is not None:
            await self._opened.close()

    def _source(self) -> McpSource:
        if self._opened is None:
            made: Any = registry.open_transport(TRANSPORT, self._context)
            self._opened = made
        opened: McpSource = self._opened
        return opened


def programs(settings: Sequence[McpServerSettings]) -> dict[str, Program]:
    """Programs of the settings, by name."""
    return {
        one.name: Program(
            tuple(one.command),
            {name: value.get_secret_value() for name, value in one.env.items()},
            "" if one.cwd is None else str(one.cwd),
        )
        for one in settings
    }
