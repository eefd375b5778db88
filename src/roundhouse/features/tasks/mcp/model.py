"""What the MCP server asks of its neighbours, and what it is told."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from roundhouse.core.types import Caller
from roundhouse.features.tasks.model import Capability

ENDED = frozenset({"completed", "failed", "cancelled"})


class ToolRun(msgspec.Struct, frozen=True):
    """How a call of a tool stands.

    Attributes:
        state: `queued`, `running`, `waiting`, `completed`, `failed`, `cancelled`.
        task_id: The task that it is; empty where none is kept.
        output: JSON value, when it is completed.
        error: `{"code", "message"}`, when it failed.
    """

    state: str
    task_id: str = ""
    output: Any = None
    error: dict[str, Any] | None = None


class ToolRuns(Protocol):
    """Runs capabilities for tools, the way that `POST /v1/run` does."""

    @property
    def tracks(self) -> bool:
        """Whether a run can be looked at again by its task's id."""
        ...

    async def run(self, caller: Caller, capability: Capability, given: Any, wait_s: float) -> ToolRun:
        """Begin, and wait for the end for a while.

        Args:
            caller: Who asks.
            capability: What is to be done.
            given: Its input, checked already.
            wait_s: Longest wait; where runs are not tracked it is waited for to the end.

        Raises:
            RoundhouseError: It was not accepted, or it failed and nothing is kept of it.
        """
        ...

    async def look(self, caller: Caller, task_id: str, wait_s: float) -> ToolRun:
        """How a run stands, after at most so long a wait for its end; raises NotFound."""
        ...
