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
        input: Input of the job; its members `flow` and `version` are told in events.
    """

    name: str
    version: int
    kind: str
    input: dict[str, Any]


class Flows(Protocol):
    """Runs of flows. Given by `flows`."""

    async def order(self, caller: Caller, name: str, version: int | None, given: Any) -> FlowOrder:
        """What a task of a flow is made of.

        Raises:
            NotFound: There is no such flow that the caller's tenant sees.
            Unprocessable: The input is not valid.
        """
        ...

    async def trace(self, tx: Tx, caller: Caller, job: Job) -> dict[str, Any]:
        """What a trace tells of a run besides its attempts: `flow`, `human`, `decided_by`."""
        ...
