"""Quota plans as a port: what a tenant, a user or an app may have done for it.

Who makes tasks reserves, settles and releases in the transaction that changes the task: a plan is never overdrawn, and
what is reserved is never lost.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from roundhouse.core.ports import OpenTransaction
from roundhouse.core.types import Caller


class Reserved(msgspec.Struct, frozen=True):
    """What the plans say to a new task.

    Attributes:
        run_after_s: It may not begin before this Unix time; None = it may at once.
        flow: This flow is to be run in its place, and nothing is counted by the plan that says so; None = as asked.
        headers: `RateLimit-Policy` and `RateLimit`; empty where no plan is in force.
    """

    run_after_s: float | None = None
    flow: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Quotas(Protocol[OpenTransaction]):
    """Asked with every task. All of it without waiting for anything but the transaction."""

    async def reserve(
        self,
        tx: OpenTransaction,
        caller: Caller,
        task_id: str,
        *,
        cost_units: float = 1.0,
        input_bytes: int = 0,
    ) -> Reserved:
        """Count a task that is about to be written. Call it before anything else that locks rows of the tenant.

        Args:
            tx: The transaction that writes the task.
            caller: For whom it is done.
            task_id: Its id; a second time for the same task counts nothing.
            cost_units: What it will cost at most; a flow costs the sum of what its steps may.
            input_bytes: Size of its input as JSON.

        Raises:
            PlanExceeded: A plan has no room and says `reject`.
            TooLarge: The input is larger than a plan allows.
        """
        ...

    async def enter(self, tx: OpenTransaction, task_id: str) -> float | None:
        """Take the places of a task that is about to run; None = it has them, else seconds after which to ask again.

        Only a task that was queued for a place (`run_after_s`) may have to wait; asking is free for all others.
        """
        ...

    async def settle(self, tx: OpenTransaction, task_id: str, *, cost_units: float | None = None) -> None:
        """Free the places of a task that ended, and count what it did cost; None = what was reserved."""
        ...

    async def release(self, tx: OpenTransaction, task_id: str) -> None:
        """Give back all of a task that was cancelled before it did anything, but its request of the minute."""
        ...
