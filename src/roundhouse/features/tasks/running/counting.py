"""What quota plans count of tasks: what they may cost when they are accepted, what they did cost at their end."""

from __future__ import annotations

from collections.abc import Sequence

from roundhouse.core.errors import PlanExceeded
from roundhouse.core.ids import new_id
from roundhouse.core.jobs import Again, Job
from roundhouse.core.quotas import Quotas
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.running import store
from roundhouse.infra.db import Tx


class TaskCounting:
    """`core.jobs.Counting`: a task is settled to what its tries cost, in the transaction that ends it.

    Args:
        quotas: Plans that count tasks.
    """

    def __init__(self, quotas: Quotas[Tx]) -> None:
        self._quotas = quotas

    async def again(self, tx: Tx, job: Job) -> Again:
        """A task that is tried again counts like a new one: it is asked for, takes a place, and costs.

        Raises:
            PlanExceeded: A plan has no room for it, or would have a flow do it.
        """
        row = await store.row_of(tx, job.id)
        if row is None:
            return Again()
        key = new_id("res")
        reserved = await self._quotas.reserve(tx, job.caller, key, cost_units=row.cost_units)
        if reserved.flow is not None:
            raise PlanExceeded(
                f"A quota plan has the flow {reserved.flow!r} do what it has no room for: that cannot be tried again."
            )
        return Again(reserved.counted, key, reserved.run_after_s)

    async def bind(self, tx: Tx, job: Job, again: Again) -> None:
        """What its tries cost until now is settled."""
        spent = await attempts.costs(tx, [job.id])
        await self._quotas.bind(tx, again.key, job.id, spent_units=spent[job.id])

    async def settle(self, tx: Tx, ended: Sequence[Job]) -> None:
        """Tasks end; see the protocol."""
        costs = await attempts.costs(tx, [job.id for job in ended])
        unbegun = {job.id for job in ended if job.state == "cancelled" and job.run == 0}
        await self._quotas.settle(tx, {id: None if id in unbegun else cost for id, cost in costs.items()})
