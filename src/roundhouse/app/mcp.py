"""MCP both ways: what every process has of imported servers, and what an API process serves at `/mcp`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter

from roundhouse import __version__
from roundhouse.core import registry
from roundhouse.core.ports import Vendor
from roundhouse.core.settings_lists import McpServerSettings
from roundhouse.core.transports import Program, ToolSource, TransportContext
from roundhouse.core.types import Caller
from roundhouse.features.tasks.capabilities.registry import CapabilityRegistry
from roundhouse.features.tasks.capabilities.service import CapabilityService
from roundhouse.features.tasks.mcp import routes
from roundhouse.features.tasks.mcp.gate import McpGate
from roundhouse.features.tasks.mcp.imports import TRANSPORT, McpImports
from roundhouse.features.tasks.mcp.jobs import McpJobs
from roundhouse.features.tasks.mcp.model import ToolRun
from roundhouse.features.tasks.mcp.runs import RunnerRuns
from roundhouse.features.tasks.model import Calling, Registry, Runner
from roundhouse.features.tasks.running.service import TaskService
from roundhouse.features.tasks.running.shapes import Standing
from roundhouse.infra.db import Database
from roundhouse.infra.revision import RevisionWatcher


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


class McpRoom:
    """What an API process serves of MCP.

    Args:
        parts: Of every process.
        capabilities: Which there are.
        calling: Checks inputs.
        runner: Runs them.
        tasks: Knows what the runner began.
        most_body_bytes: Largest request.
    """

    def __init__(
        self,
        parts: McpParts,
        capabilities: Registry,
        calling: Calling,
        runner: Runner,
        tasks: TaskService,
        most_body_bytes: int,
    ) -> None:
        self._parts = parts

        async def look(caller: Caller, task_id: str, wait_s: float) -> ToolRun:
            return _told(await tasks.wait(caller, task_id, wait_s))

        runs = RunnerRuns(runner, look)
        self._gate = McpGate(capabilities, calling, runs, __version__, most_body_bytes)

    def start(self, watcher: RevisionWatcher) -> None:
        """Tell who listens what changes."""
        watcher.on_change(self._gate.look_around)

    def router(self) -> APIRouter:
        """All routes."""
        return routes.router(self._gate, self._parts.imports)

    def drain(self) -> None:
        """End the streams that would never end by themselves."""
        self._gate.drain()

    async def close(self) -> None:
        """End what runs."""
        await self._gate.close()


def _told(standing: Standing) -> ToolRun:
    job = standing.job
    output = job.result if job.result is not None else standing.output
    return ToolRun(job.state, job.id, output if job.state == "completed" else None, job.error)


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
