"""What a database does to answer: every SELECT that a piece of work sends, explained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from roundhouse.infra.db import Database, Tx
from roundhouse.infra.jobs.rows import jobs


class Watched:
    """A transaction that counts its statements and explains its SELECTs."""

    def __init__(self, tx: Tx) -> None:
        self.dialect = tx.dialect
        self.statements = 0
        self.plans: list[str] = []
        self._tx = tx

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        self.statements += 1
        if isinstance(statement, sa.SelectBase):
            self.plans.append(await self._plan(statement))
        return await self._tx.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Any:
        self.statements += 1
        return await self._tx.exec_driver_sql(statement, parameters)

    async def _plan(self, statement: sa.SelectBase) -> str:
        text = str(statement.compile(dialect=self.dialect, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN" if self.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        rows = (await self._tx.exec_driver_sql(f"{explain} {text.replace('%', '%%')}")).all()
        return "\n".join(str(row[-1]) for row in rows)


async def watched(db: Database, work: Callable[[Any], Awaitable[object]]) -> Watched:
    """Do a piece of work in a transaction that is rolled back."""
    async with db.begin() as tx:
        watch = Watched(tx)
        await work(watch)
        await tx.rollback()
        return watch


def reads_all(plan: str) -> bool:
    """Whether the whole table, or the whole of an index, is read."""
    return any(
        "Seq Scan on jobs" in line or line.strip(" -*").startswith("SCAN jobs") for line in plan.splitlines()
    )


def sorts(plan: str) -> bool:
    """Whether rows are sorted first: then all of them are read, whatever the limit."""
    return any(word in plan for word in ("Sort", "TEMP B-TREE"))


async def multiply(db: Database, doublings: int) -> int:
    """Double all jobs so many times, without their events; how many there are then."""
    columns = [column for column in jobs.c if column.name not in ("seq", "id", "idempotency_key")]
    names = ["id", *(column.name for column in columns)]
    async with db.begin() as tx:
        fresh = (
            sa.func.hex(sa.func.randomblob(16))
            if db.is_sqlite
            else sa.cast(sa.func.gen_random_uuid(), sa.Text)
        )
        for _ in range(doublings):
            await tx.execute(sa.insert(jobs).from_select(names, sa.select(fresh, *columns)))
        count = (await tx.execute(sa.select(sa.func.count()).select_from(jobs))).scalar_one()
    async with db.begin() as tx:
        await tx.exec_driver_sql("ANALYZE jobs")
    return int(count)
