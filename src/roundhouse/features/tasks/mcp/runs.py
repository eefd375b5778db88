"""Calls of tools by the runner behind `POST /v1/run`: one way for all who run a capability."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from roundhouse.core.errors import NotFound
from roundhouse.core.types import Caller
from roundhouse.features.tasks.mcp.model import ToolRun
from roundhouse.features.tasks.model import Capability, Runner

Look = Callable[[Caller, str, float], Awaitable[ToolRun]]
"""How a task stands: for whom, its id, seconds to wait for its end at most. Raises NotFound."""

_ACCEPTED = 202


class RunnerRuns:
    """`features.tasks.mcp.model.ToolRuns`.

    Args:
        runner: Runs capabilities.
        look: Looks at tasks; None = the runner keeps none.
    """

    def __init__(self, runner: Runner, look: Look | None = None) -> None:
        self._runner = runner
        self._look = look

    @property
    def tracks(self) -> bool:
        """Whether a run can be looked at again by its task's id."""
        return self._look is not None

    async def run(self, caller: Caller, capability: Capability, given: Any, wait_s: float) -> ToolRun:
        """Begin, and wait; see the protocol."""
        # Who waits shorter than the call takes would end a call that nobody can look at again.
        longest_s = wait_s if self._look is not None else None
        reply = await self._runner.run(caller, capability, given, idempotency_key=None, wait_s=longest_s)
        if reply.status == _ACCEPTED:
            return ToolRun(str(reply.body.get("state", "queued")), str(reply.body.get("id", "")))
        return ToolRun("completed", output=reply.body)

    async def look(self, caller: Caller, task_id: str, wait_s: float) -> ToolRun:
        """How a run stands; see the protocol."""
        if self._look is None:
            raise NotFound(f"There is no task {task_id!r}.")
        return await self._look(caller, task_id, wait_s)
