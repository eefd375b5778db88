"""The end of what is not to be kept: inputs, outputs and traces of tasks that said so."""

from __future__ import annotations

from roundhouse.features.tasks.attempts import store as attempts
from roundhouse.features.tasks.running import store
from roundhouse.features.tasks.running.model import TaskRow
from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.store import forget_input

_BATCH = 200


async def forget(tx: Tx, task_id: str) -> None:
    """Delete, in the transaction of its end or later, what is not to be kept of a task."""
    row = await store.row_of(tx, task_id)
    if row is not None and row.kept != "full" and not row.forgotten:
        await _forget(tx, row)


async def forget_left(db: Database) -> int:
    """The same for all tasks that ended while nobody looked; returns how many they were."""
    count = 0
    while True:
        async with db.read() as tx:
            found = await store.unforgotten(tx, _BATCH)
        if not found:
            return count
        async with db.begin() as tx:
            for row in found:
                await _forget(tx, row)
        count += len(found)


async def _forget(tx: Tx, row: TaskRow) -> None:
    left = {"capability": row.capability, "version": row.version, "store": row.kept}
    await forget_input(tx, row.job_id, left, result=row.kept == "none")
    await attempts.forget_values(tx, row.job_id)
    await store.forget(tx, row)
