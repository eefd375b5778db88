"""What an API process serves at `/mcp`, and the routes of imported servers."""

from __future__ import annotations

from fastapi import APIRouter

from roundhouse import __version__
from roundhouse.app.mcp_parts import McpParts
from roundhouse.core.types import Caller
from roundhouse.features.tasks.mcp import routes
from roundhouse.features.tasks.mcp.gate import McpGate
from roundhouse.features.tasks.mcp.model import ToolRun
from roundhouse.features.tasks.mcp.runs import RunnerRuns
from roundhouse.features.tasks.model import Calling, Registry, Runner
from roundhouse.features.tasks.running.service import TaskService
from roundhouse.features.tasks.running.shapes import Standing
from roundhouse.infra.revision import RevisionWatcher


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
