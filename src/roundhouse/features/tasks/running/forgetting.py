"""The end of what is not to be kept: inputs, outputs and traces of tasks that said so."""

from __future__ import annotations

from typing import Any, Protocol

from roundhouse.core.jobs import Job
from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.running import store
from roundhouse.features.tasks.running.model import TaskRow
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs import store as jobs

_BATCH = 200


class ForgetsRuns(Protocol):
    """What knows of runs of flows: `running.ports.Flows`, or what runs them."""

    async def forget(self, tx: Tx, job: Job) -> dict[str, Any]:
        """See `running.ports.Flows.forget`."""
        ...


async def forget(tx: Tx, task_id: str, flows: ForgetsRuns | None = None) -> None:
    """Delete, in the transaction of its end or later, what is not to be kept of a task.

    Args:
        tx: A write transaction.
        task_id: Which.
        flows: Deletes what runs of flows have; None = it is a call of one capability.
    """
    row = await store.row_of(tx, task_id)
    if row is not None and row.kept != "full" and not row.forgotten:
        await _forget(tx, row, flows)


async def forget_left(db: Database, flows: ForgetsRuns | None) -> int:
    """The same for all tasks that ended while nobody looked; returns how many they were."""
    count = 0
    while True:
        async with db.read() as tx:
            found = await store.unforgotten(tx, _BATCH)
        if not found:
            return count
        async with db.begin() as tx:
            for row in found:
                await _forget(tx, row, flows)
        count += len(found)


async def _forget(tx: Tx, row: TaskRow, flows: ForgetsRuns | None) -> None:
    left: dict[str, Any] = {"capability": row.capability, "version": row.version, "store": row.kept}
    if row.flow is not None:
        left = {"flow": row.flow, "version": row.version}
        if flows is not None:
            left |= await flows.forget(tx, await jobs.get(tx, None, row.job_id))
    await jobs.forget_input(tx, row.job_id, left, result=row.kept == "none")
    await attempts.forget_values(tx, row.job_id)
    await store.forget(tx, row)
