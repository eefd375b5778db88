"""Quota plans as a port: what a tenant, a user or an app may have done for it.

Who makes tasks reserves and settles in the transaction that changes the task: a plan is never overdrawn, and
what is reserved is never lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from roundhouse.core.ports import OpenTransaction
from roundhouse.core.types import Caller


class Reserved(msgspec.Struct, frozen=True):
    """What the plans say to a new task.

    Attributes:
        counted: Whether any plan counts it, so that it is to be bound to its task.
        run_after_s: It may not begin before this Unix time, unless it is given a place before; None = it may at once.
        flow: This flow is to be run in its place, and nothing is counted by the plan that says so; None = as asked.
        headers: `RateLimit-Policy` and `RateLimit`; empty where no plan is in force.
    """

    counted: bool = False
    run_after_s: float | None = None
    flow: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Quotas(Protocol[OpenTransaction]):
    """Asked with every task. All of it without waiting for anything but the transaction."""

    async def reserve(
        self,
        tx: OpenTransaction,
        caller: Caller,
        key: str,
        *,
        cost_units: float = 1.0,
        input_bytes: int = 0,
        begins_s: float | None = None,
    ) -> Reserved:
        """Count a task that is about to be written. Call it before anything else that locks rows of the tenant.

        Args:
            tx: The transaction that writes the task.
            caller: For whom it is done.
            key: Of the reservation, until it is bound.
            cost_units: What it will cost at most.
            input_bytes: Size of its input as JSON.
            begins_s: Unix time before which it is not to begin anyway.

        Raises:
            PlanExceeded: A plan has no room and says `reject`.
            TooLarge: The input is larger than a plan allows.
        """
        ...

    async def bind(self, tx: OpenTransaction, key: str, task_id: str, *, spent_units: float = 0.0) -> None:
        """Say which task a reservation is for, in the same transaction.

        Args:
            tx: The transaction of `reserve`.
            key: Of the reservation.
            task_id: The task.
            spent_units: What it had cost before, of a task that is tried again: that is settled already.
        """
        ...

    async def settle(self, tx: OpenTransaction, ended: Mapping[str, float | None]) -> None:
        """Count what tasks did cost in place of what was reserved, and forget the reservations.

        Call it once in the transaction that ends them, for all of them, before anything is written that others wait
        for, as events are.

        Args:
            tx: That transaction; it has locked the tasks.
            ended: By task all that it cost since it was made. None = it was cancelled before it began: its day is given
                back as well, its request of the minute is not.
        """
        ...
