"""The table of executors and its SQL: one row for each process that runs jobs, as long as it lives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from roundhouse.infra.db import Tx, metadata

executors = sa.Table(
    "executors",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("machine_id", sa.String(80), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("lock_path", sa.Text, nullable=False),
    sa.Column("queues", sa.JSON, nullable=False),
    sa.Column("pipelines", sa.JSON, nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("started_at_s", sa.Double, nullable=False),
    sa.Column("renewed_at_s", sa.Double, nullable=False),
    sa.Column("renewed_monotonic_s", sa.Double, nullable=False),
    sa.Column("lease_s", sa.Double, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
)


class ExecutorRow(msgspec.Struct, frozen=True):
    """One executor.

    Attributes:
        id: `exe_…`, a new one at each start.
        machine_id: See `infra.machine`.
        host: Name of its machine.
        pid: Its process there.
        lock_path: The file whose lock it holds as long as it lives.
        queues: Queues it takes jobs from.
        pipelines: What it can run, `kind@revision`.
        version: Of Roundhouse.
        started_at_s: Unix time, by the database's clock.
        renewed_at_s: Unix time at which it last told that it lives, by the database's clock: to be shown. Nobody is
            judged by it, for a clock that is set an hour on would kill everybody.
        renewed_monotonic_s: The same by the monotonic clock of its machine.
        lease_s: It is dead when it has not told for so long.
        draining: Whether it takes no jobs any more.
    """

    id: str
    machine_id: str
    host: str
    pid: int
    lock_path: str
    queues: list[str]
    pipelines: list[str]
    version: str
    started_at_s: float
    renewed_at_s: float
    renewed_monotonic_s: float
    lease_s: float
    draining: bool


async def insert(tx: Tx, values: Mapping[str, Any]) -> None:
    """Add an executor: all columns but the times by the database's clock."""
    now = _now(tx)
    await tx.execute(
        sa.insert(executors).values(**values, started_at_s=now, renewed_at_s=now, draining=False)
    )


async def renew(tx: Tx, executor_id: str, monotonic_s: float) -> bool:
    """Tell that it lives; False when it has been forgotten."""
    statement = (
        sa.update(executors)
        .where(executors.c.id == executor_id)
        .values(renewed_at_s=_now(tx), renewed_monotonic_s=monotonic_s)
    )
    return bool((await tx.execute(statement)).rowcount)


async def set_draining(tx: Tx, executor_id: str) -> None:
    """Tell that it takes no jobs any more."""
    await tx.execute(sa.update(executors).where(executors.c.id == executor_id).values(draining=True))


async def delete(tx: Tx, executor_id: str) -> bool:
    """Forget an executor; False when somebody else has done so."""
    return bool((await tx.execute(sa.delete(executors).where(executors.c.id == executor_id))).rowcount)


async def every(tx: Tx) -> list[ExecutorRow]:
    """All executors, the dead that nobody has forgotten yet as well; oldest first."""
    rows = await tx.execute(sa.select(executors).order_by(executors.c.id))
    return [ExecutorRow(**row) for row in rows.mappings()]


def _now(tx: Tx) -> sa.ColumnElement[float]:
    """Unix time by the database's clock."""
    if tx.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    # Julian days to seconds since 1970; older SQLite knows nothing else with fractions.
    return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double)
