"""What tasks ask of their neighbours: flows."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from roundhouse.core.jobs import Job
from roundhouse.core.types import Caller
from roundhouse.infra.db import Tx


class FlowOrder(msgspec.Struct, frozen=True):
    """A run of a flow that is to be accepted.

    Attributes:
        name: The flow.
        version: The version that it keeps to its end.
        kind: Kind of its jobs, one of `core.jobs.TASK_KINDS`.
        input: Input of the job; its members `flow` and `version` are told in events, and `shown` is its input where
            that holds secrets, without them.
        cost_units: What it may cost at most when nothing is tried twice.
        local_only: Whether nothing of it may leave the house.
    """

    name: str
    version: int
    kind: str
    input: dict[str, Any]
    cost_units: float
    local_only: bool = False


class Flows(Protocol):
    """Runs of flows. Given by `flows`."""

    async def order(self, caller: Caller, name: str, version: int | None, given: Any) -> FlowOrder:
        """What a task of a flow is made of.

        Raises:
            NotFound: There is no such flow that the caller's tenant sees.
            Unprocessable: The input is not valid.
        """
        ...

    async def forget(self, tx: Tx, job: Job) -> dict[str, Any]:
        """Delete of a run what is not to be kept, but for its input, result and attempts.

        Returns:
            What its input has to keep for its trace.
        """
        ...

    async def trace(self, tx: Tx, caller: Caller, job: Job) -> dict[str, Any]:
        """What a trace tells of a run besides its attempts: `flow`, `human`, `signals`, `decided_by`."""
        ...

    async def signal(
        self, tx: Tx, caller: Caller, job: Job, name: str, payload: Any
    ) -> tuple[str, dict[str, Any]]:
        """What a run waits for that waits for a signal, and what is kept of one that came.

        Raises:
            NotFound: No step of it waits for this signal.
            TooLarge: The payload has more than 64 KiB.
        """
        ...
