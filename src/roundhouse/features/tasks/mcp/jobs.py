"""Jobs of imported MCP servers: `capability.mcp_check` asks each night whether tools are what was approved."""

from __future__ import annotations

from roundhouse.core.jobs import NewJob, Pipeline, Schedule, Step, StepContext
from roundhouse.features.tasks.mcp.imports import CHECK, McpImports


class McpJobs:
    """The nightly look at all servers.

    Args:
        imports: Looks.

    Attributes:
        pipeline: Of the kind `capability.mcp_check`.
        schedule: When it comes.
    """

    def __init__(self, imports: McpImports) -> None:
        self._imports = imports
        self.pipeline = Pipeline(CHECK, (Step("check", self._check),))
        # At night by UTC, and not on the full hour.
        self.schedule = Schedule("capability-mcp-check", "41 2 * * *", NewJob(CHECK))

    async def _check(self, _: StepContext) -> dict[str, int]:
        found = await self._imports.check_all()
        return {
            "checked": found.checked,
            "disabled": len(found.disabled),
            "unreachable": len(found.unreachable),
        }
